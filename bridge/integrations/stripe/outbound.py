"""Delivers `stripe.fetch` (look at an object, then book what it says) and `stripe.refund`.

A look is a sync: it holds an id, and several of one object merge. What was seen is booked in the
unit of work that also marks the look as done, so neither is ever there without the other.
"""

from __future__ import annotations

from typing import Any

import structlog

from bridge.integrations.stripe import facts
from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.events import CHARGE, DISPUTE, PAYMENT, REFUND, SESSION
from bridge.integrations.stripe.facts import Seen, Told
from bridge.integrations.stripe.faults import Refused
from bridge.integrations.stripe.provider import StripeProvider
from crm.core import clock, outbox
from crm.core.integration import Deliverer, PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork
from crm.disputes import service as disputes
from crm.payments import refunds, settling
from crm.payments.provider import Fact, RefundFact, RefundOrder

log = structlog.get_logger(__name__)

FETCH, REFUND_PAYMENT = "stripe.fetch", "stripe.refund"


def owe(uow: UnitOfWork, kind: str, object_id: str) -> None:
    """Owe a look at one object. kind: SESSION, PAYMENT, CHARGE, REFUND or DISPUTE."""
    outbox.sync(uow, FETCH, f"{kind}:{object_id}", {"object": kind, "id": object_id})


class Fetch(PlainDeliverer):
    def __init__(self, client: Client):
        self._client = client
        self._looks = {
            SESSION: self._session,
            PAYMENT: self._payment,
            CHARGE: self._charge,
            REFUND: self._refund,
            DISPUTE: self._dispute,
        }

    def deliver(self, effect: Effect) -> dict[str, Any]:
        kind, object_id = effect.body["object"], effect.body["id"]
        try:
            seen = self._looks[kind](object_id)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            log.warning("Stripe knows no such object under our key", object=kind, id=object_id)
            return {"noted": "unknown under our key"}
        return seen.to_json()

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        seen = Seen.from_json(result)
        # The payment first: what is given back or disputed has to be known.
        if seen.payment is not None:
            settling.settle(uow, seen.payment)
        for refund in seen.refunds:
            refunds.settled(uow, refund.effect_key, refund)
        if seen.dispute is not None:
            disputes.record(uow, seen.dispute)

    def _session(self, session_id: str) -> Seen:
        return Seen(facts.of_session(self._client.session(session_id)))

    def _payment(self, payment_id: str) -> Seen:
        return Seen(self._fact(payment_id))

    def _charge(self, charge_id: str) -> Seen:
        payment_id = self._client.charge(charge_id).get("payment_intent")
        fact = self._fact(payment_id)
        if fact is None:
            return Seen()
        return Seen(fact, tuple(map(facts.of_refund, self._client.refunds_of(payment_id))))

    def _refund(self, refund_id: str) -> Seen:
        refund = self._client.refund(refund_id)
        fact = self._fact(refund.get("payment_intent"))
        return Seen(fact, (facts.of_refund(refund),)) if fact else Seen()

    def _dispute(self, dispute_id: str) -> Seen:
        dispute = self._client.dispute(dispute_id)
        fact = self._fact(dispute.get("payment_intent"))
        return Seen(fact, dispute=facts.of_dispute(dispute)) if fact else Seen()

    def _fact(self, payment_id: str | None) -> Fact | None:
        """None for a payment that is not ours or says nothing yet."""
        if payment_id is None:
            return None
        told = self._client.payment(payment_id)
        return facts.of_payment(told) or self._fact_of_page(told)

    def _fact_of_page(self, told: Told) -> Fact | None:
        """A payment that failed can be tried again as long as its page is open."""
        if not facts.attempt_of(told) or not told.get("last_payment_error"):
            return None
        for session in self._client.sessions_of_payment(told["id"]):
            return facts.of_session({**session, "payment_intent": told})
        return None


class RefundPayment(PlainDeliverer):
    """body: payment_id, charge_id (or null), amount_minor, currency, reason."""

    def __init__(self, provider: StripeProvider):
        self._provider = provider

    def deliver(self, effect: Effect) -> dict[str, Any]:
        body = effect.body
        order = RefundOrder(
            effect_key=effect.effect_key,
            payment_id=body["payment_id"],
            charge_id=body.get("charge_id"),
            amount_minor=body["amount_minor"],
            currency=body["currency"],
            reason=body.get("reason") or "",
            first_tried_at=effect.first_tried_at or clock.now(),
        )
        return _told(self._provider.refund(order))

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        fact = self._provider.find_refund(effect.effect_key, effect.body["payment_id"])
        return _told(fact) if fact else None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        (fact,) = Seen.from_json(result).refunds
        refunds.settled(uow, effect.effect_key, fact)

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        body = effect.body
        refunds.settled(
            uow,
            effect.effect_key,
            RefundFact(
                refund_id="",
                payment_id=body["payment_id"],
                charge_id=body.get("charge_id"),
                amount_minor=body["amount_minor"],
                currency=body["currency"],
                state="failed",
                effect_key=effect.effect_key,
                reason=reason,
            ),
        )


def _told(fact: RefundFact) -> dict[str, Any]:
    return Seen(refunds=(fact,)).to_json()


def deliverers(client: Client, provider: StripeProvider) -> dict[str, Deliverer]:
    return {FETCH: Fetch(client), REFUND_PAYMENT: RefundPayment(provider)}
