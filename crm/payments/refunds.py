"""Giving money back: asked for, approved by a second person where it is much, then paid out.

What is given back comes out of what is held for the customer (docs/decisions/0010-money.md), so a
refund of lines is a credit note first. While a card refund is on its way its money is in
`refunding`: nothing else is paid with it. What the provider says of one is `refund_news.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from crm.core import audit, money, outbox, refs
from crm.core.errors import Conflict, Forbidden, Invalid, NotFound
from crm.core.events import Actor
from crm.core.paging import Page, page
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.payments import crediting, ledger, queries, refund_booking, refund_rules
from crm.payments.events import RefundRequested
from crm.payments.models import Payment
from crm.payments.refund_booking import scope_of
from crm.payments.refund_models import COUNTED, REF_PREFIX, Refund
from crm.payments.refund_news import settled

__all__ = ["NewRefund", "approve", "by_ref", "listed", "refuse", "request", "settled"]

LONGEST_REASON = 500
MOST_LINES = 200


@dataclass(frozen=True)
class NewRefund:
    """payment: its reference. amount_minor: None for all that can be given back.

    invoice_id, lines: what is credited first, as (index of the invoice's line, gross amount, negative
    for a discount).
    """

    payment: str
    reason: str
    amount_minor: int | None = None
    invoice_id: int | None = None
    lines: tuple[tuple[int, int], ...] = ()
    restock: bool = False


def request(uow: UnitOfWork, shop: Shop, new: NewRefund, actor: Actor) -> Refund:
    """Give money back, or ask a second person to agree (rules.yaml); nothing moves before that.

    Raises NotFound, Invalid (by field), Conflict (`refund-too-high`, `payment-disputed`, and what
    crediting the lines raises).
    """
    _check(new)
    payment = refund_booking.locked(uow, queries.by_ref(uow, new.payment).id)
    if payment.state != "received":
        raise Conflict("the bank decides about this payment", code="payment-disputed")
    if new.invoice_id is not None:
        crediting.check(uow, new.invoice_id, scope_of(payment))
    given = _given(uow, payment)
    amount = _amount(uow, payment, new, given)
    needs_second = refund_rules.needs_second(given + amount, payment.currency, shop.currency)
    refund = Refund(
        ref=refs.free(uow, REF_PREFIX, Refund.ref),
        payment_id=payment.id,
        amount_minor=amount,
        currency=payment.currency,
        reason=new.reason,
        state="waiting_second",
        invoice_id=new.invoice_id,
        lines=[{"line": line, "amount_minor": part} for line, part in new.lines],
        restock=new.restock,
        requested_by=actor.name,
        requester_id=actor.id,
        uncovered_minor=0,
        created_at=uow.now,
    )
    uow.session.add(refund)
    uow.session.flush()
    told = {"payment": payment.ref, "amount_minor": amount, "currency": payment.currency,
            "needs_second": needs_second}  # fmt: skip
    audit.write(uow, actor, "refund.request", refund.ref, told)
    uow.record(
        RefundRequested(payment.id, actor, refund.id, payment.repair_id, amount,
                        payment.currency, needs_second)
    )  # fmt: skip
    if not needs_second:
        _go(uow, shop, refund, payment, actor)
    return refund


def approve(uow: UnitOfWork, shop: Shop, refund: Refund, actor: Actor) -> Refund:
    """Agree to what somebody else asked for. actor: a person, who may approve (`roles.py`).

    Raises Forbidden (`second-person-needed`), Conflict (`refund-settled`, `refund-too-high`,
    `payment-disputed`, and what crediting the lines raises).
    """
    payment, refund = _waiting(uow, refund)
    if not actor.id or actor.id == refund.requester_id:
        raise Forbidden("somebody else has to approve this", code="second-person-needed")
    if payment.state != "received":
        raise Conflict("the bank decides about this payment", code="payment-disputed")
    refund.approved_by = actor.name
    audit.write(uow, actor, "refund.approve", refund.ref)
    _go(uow, shop, refund, payment, actor)
    return refund


def refuse(uow: UnitOfWork, refund: Refund, actor: Actor) -> Refund:
    """Nothing is given back; who asked may take it back this way too. Raises Conflict."""
    _, refund = _waiting(uow, refund)
    refund.state, refund.settled_at, refund.refused_by = "refused", uow.now, actor.name
    audit.write(uow, actor, "refund.refuse", refund.ref)
    uow.session.flush()
    return refund


def by_ref(uow: UnitOfWork, typed: str) -> Refund:
    """Raises NotFound."""
    ref = refs.read(REF_PREFIX, typed)
    found = uow.session.scalar(select(Refund).where(Refund.ref == ref))
    if found is None:
        raise NotFound("no such refund")
    return found


def listed(
    uow: UnitOfWork,
    *,
    payment_id: int | None = None,
    state: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    query = select(Refund)
    if payment_id is not None:
        query = query.where(Refund.payment_id == payment_id)
    if state is not None:
        query = query.where(Refund.state == state)
    return page(uow.session, query, [Refund.id], limit=limit, after=after)


def done_of_repair(uow: UnitOfWork, repair_id: int) -> list[tuple[Refund, str]]:
    """What was given back for a repair, with the method, oldest first."""
    query = (
        select(Refund, Payment.method)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.repair_id == repair_id, Refund.state == "done")
        .order_by(Refund.id)
    )
    return [(refund, method) for refund, method in uow.session.execute(query)]


def _go(uow: UnitOfWork, shop: Shop, refund: Refund, payment: Payment, actor: Actor) -> None:
    scope = scope_of(payment)
    if refund.lines and refund.invoice_id is not None:
        # The document says which payment it goes back to, and the refund which document.
        reason = f"{refund.reason} ({payment.ref})"
        note = crediting.issue(uow, shop, refund.invoice_id, refund.lines, reason, actor)
        refund.credit_note_id = note.id
    if refund.amount_minor > ledger.held_in(uow, scope):
        raise _too_high(ledger.held_in(uow, scope), refund.currency)
    if payment.method != "card":
        legs = refund_rules.paid_out(scope, payment.method, refund.amount_minor, payment.id)
        refund_booking.post(uow, refund, "", legs)
        refund_booking.done(uow, refund, payment, actor)
        return
    refund.state = "queued"
    legs = refund_rules.promised(scope, refund.amount_minor, payment.id)
    refund_booking.post(uow, refund, "", legs)
    body = {
        "payment_id": payment.provider_payment_id,
        "charge_id": payment.provider_charge_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "reason": refund.ref,
    }
    lane = f"refunds:{payment.id}"
    outbox.send(uow, f"{payment.provider}.refund", refund.effect_key, body, lane=lane)


def _waiting(uow: UnitOfWork, refund: Refund) -> tuple[Payment, Refund]:
    payment = refund_booking.locked(uow, refund.payment_id)
    refund = refund_booking.fresh(uow, refund.id)
    if refund.state != "waiting_second":
        raise Conflict(f"this refund is {refund.state}", code="refund-settled")
    return payment, refund


def _amount(uow: UnitOfWork, payment: Payment, new: NewRefund, given_minor: int) -> int:
    credited = sum(part for _, part in new.lines)
    still_open = 0 if new.invoice_id is None else ledger.receivable(uow, new.invoice_id)
    most = refund_rules.most(
        payment.amount_minor - given_minor,
        ledger.held_in(uow, scope_of(payment)),
        credited,
        still_open,
    )
    wished = new.amount_minor
    if wished is None:
        wished = min(most, credited) if new.lines else most
    if not 0 < wished <= most:
        raise _too_high(most, payment.currency)
    return wished


def _given(uow: UnitOfWork, payment: Payment) -> int:
    whole = func.coalesce(func.sum(Refund.amount_minor), 0)
    query = select(whole).where(Refund.payment_id == payment.id, Refund.state.in_(COUNTED))
    return int(uow.session.scalar(query) or 0)


def _too_high(most_minor: int, currency: str) -> Conflict:
    can = money.in_words(most_minor, currency, "en")
    told = f"{can} can be given back; money that pays an invoice is credited there first"
    return Conflict(told, code="refund-too-high")


def _check(new: NewRefund) -> None:
    errors: dict[str, list[str]] = {}
    wished = new.amount_minor
    # True is an int to Python, and no amount to anybody.
    if wished is not None and not (type(wished) is int and 0 < wished <= money.MOST_MINOR):
        errors["amount_minor"] = [f"A whole number from 1 to {money.MOST_MINOR}."]
    if not 0 < len(new.reason.strip()) <= LONGEST_REASON:
        errors["reason"] = [f"Say why, in at most {LONGEST_REASON} characters."]
    if bool(new.lines) != (new.invoice_id is not None) or len(new.lines) > MOST_LINES:
        errors["lines"] = [f"An invoice and at most {MOST_LINES} of its lines go together."]
    elif new.lines and not 0 < sum(part for _, part in new.lines) <= money.MOST_MINOR:
        errors["lines"] = ["They come to nothing that could be given back."]
    if errors:
        raise Invalid("this cannot be given back", errors=errors)
