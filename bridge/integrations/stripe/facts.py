"""Reads Stripe's objects into the facts of our port; pure.

Amounts need no conversion: Stripe counts in the smallest unit too, but for the currencies in which no
checkout is opened (`provider.py`). What is not ours, or says
nothing yet (a page that is still open, a card that was declined and may be tried again), gives None.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from crm.core.clock import from_unix, iso
from crm.payments.provider import DisputeFact, DisputeState, Fact, RefundFact, RefundState

ATTEMPT, EFFECT = "mendline_attempt", "mendline_effect"  # our marks in metadata

REFUND_STATES: dict[str, RefundState] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "done",
    "failed": "failed",
    "canceled": "failed",
}
DISPUTE_STATES: dict[str, DisputeState] = {
    "warning_needs_response": "needs_response",
    "needs_response": "needs_response",
    "warning_under_review": "under_review",
    "under_review": "under_review",
    "won": "won",
    "warning_closed": "won",
    "prevented": "won",
    "lost": "lost",
}
Told = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """All that one look at Stripe told. payment comes first: the others are about it."""

    payment: Fact | None = None
    refunds: tuple[RefundFact, ...] = ()
    dispute: DisputeFact | None = None

    def to_json(self) -> Told:
        """For the outbox row, which carries it from the look to the unit of work."""
        told = asdict(self)
        if self.payment:
            told["payment"]["at"] = iso(self.payment.at)
        if self.dispute:
            told["dispute"]["due_at"] = iso(self.dispute.due_at)
        return told

    @classmethod
    def from_json(cls, told: Told) -> Seen:
        payment, dispute = told.get("payment"), told.get("dispute")
        if dispute and dispute["due_at"]:
            dispute = {**dispute, "due_at": datetime.fromisoformat(dispute["due_at"])}
        return cls(
            payment=Fact(**{**payment, "at": datetime.fromisoformat(payment["at"])})
            if payment
            else None,
            refunds=tuple(RefundFact(**one) for one in told.get("refunds", ())),
            dispute=DisputeFact(**dispute) if dispute else None,
        )


def attempt_of(told: Told) -> str:
    """The attempt a session or payment belongs to; empty when it is not ours."""
    return (told.get("metadata") or {}).get(ATTEMPT) or ""


def of_session(session: Told) -> Fact | None:
    """session: with its payment intent expanded."""
    attempt = attempt_of(session)
    if not attempt or session["status"] == "open":
        return None
    payment = _expanded(session.get("payment_intent"))
    if session["status"] == "expired":
        return _session_fact(session, attempt, payment, "expired", session["expires_at"])
    if payment is None:
        return None
    fact = of_payment(payment, session_id=session["id"], attempt=attempt)
    if fact is None and session["payment_status"] == "unpaid":
        # The page is done with, so nobody can try again: a bank debit that came back, say.
        return _session_fact(session, attempt, payment, "failed", payment["created"])
    return fact


def _session_fact(session: Told, attempt: str, payment: Told | None, state: Any, at: int) -> Fact:
    return Fact(
        attempt_ref=attempt,
        session_id=session["id"],
        payment_id=payment["id"] if payment else None,
        charge_id=None,
        amount_minor=session["amount_total"],
        currency=session["currency"].upper(),
        livemode=session["livemode"],
        state=state,
        fee_minor=None,
        at=_moment(at),
        reason=_why(payment) or state,
    )


def of_payment(
    payment: Told, *, session_id: str | None = None, attempt: str | None = None
) -> Fact | None:
    """payment: a payment intent with its charge and the charge's balance transaction expanded.

    None while it is still to be paid, even after a declined card.
    """
    attempt = attempt or attempt_of(payment)
    states = {"succeeded": "paid", "processing": "processing", "canceled": "expired"}
    state = states.get(payment["status"])
    if not attempt or state is None:
        return None
    charge = _expanded(payment.get("latest_charge"))
    booked = _expanded(charge.get("balance_transaction")) if charge else None
    is_paid = state == "paid"
    return Fact(
        attempt_ref=attempt,
        session_id=session_id,
        payment_id=payment["id"],
        charge_id=charge["id"] if charge else _id(payment.get("latest_charge")),
        amount_minor=payment.get("amount_received" if is_paid else "amount", payment["amount"]),
        currency=payment["currency"].upper(),
        livemode=payment["livemode"],
        state=state,  # type: ignore[arg-type]
        fee_minor=_fee(booked, payment["currency"]) if is_paid and booked else None,
        at=_moment(charge["created"] if charge else payment["created"]),
        reason="" if is_paid else _why(payment),
    )


def of_refund(refund: Told) -> RefundFact:
    return RefundFact(
        refund_id=refund["id"],
        payment_id=_id(refund.get("payment_intent")),
        charge_id=_id(refund.get("charge")),
        amount_minor=refund["amount"],
        currency=refund["currency"].upper(),
        # A word Stripe adds one day is no end yet.
        state=REFUND_STATES.get(refund["status"], "pending"),
        effect_key=(refund.get("metadata") or {}).get(EFFECT) or None,
        reason=refund.get("failure_reason") or "",
    )


def of_dispute(dispute: Told) -> DisputeFact:
    evidence = dispute.get("evidence_details") or {}
    booked = dispute.get("balance_transactions") or ()
    return DisputeFact(
        dispute_id=dispute["id"],
        payment_id=_id(dispute.get("payment_intent")),
        charge_id=_id(dispute.get("charge")),
        amount_minor=dispute["amount"],
        currency=dispute["currency"].upper(),
        reason=dispute.get("reason") or "",
        state=DISPUTE_STATES.get(dispute["status"], "under_review"),
        due_at=from_unix(evidence.get("due_by")),
        fee_minor=max(0, sum(_fee(one, dispute["currency"]) or 0 for one in booked)),
    )


def first(facts: Iterable[Fact | None]) -> Fact | None:
    """The one that counts most: money that came, then money on its way, then an end."""
    order = ("paid", "processing", "failed", "expired")
    known = sorted((fact for fact in facts if fact), key=lambda fact: order.index(fact.state))
    return known[0] if known else None


def _fee(booked: Told, currency: str) -> int | None:
    """booked: a balance transaction, in the currency Stripe pays the shop out in.

    exchange_rate: how much of that currency one unit of the payment's was worth.
    """
    if booked["currency"] == currency:
        return booked["fee"]
    rate = booked.get("exchange_rate")
    return round(booked["fee"] / rate) if rate else None


def _expanded(told: Any) -> Told | None:
    return told if isinstance(told, dict) else None


def _id(told: Any) -> str | None:
    return told["id"] if isinstance(told, dict) else told


def _why(payment: Told | None) -> str:
    """Stripe's word for it; its sentences are meant for the customer."""
    error = (payment or {}).get("last_payment_error") or {}
    return error.get("decline_code") or error.get("code") or ""


def _moment(seconds: int) -> datetime:
    moment = from_unix(seconds)
    if moment is None:
        raise ValueError("Stripe told no moment")
    return moment
