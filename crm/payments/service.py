"""Taking money: at the counter and by transfer here, by card once `settling.py` has proof of it.

What was taken by mistake is never deleted: it is given back (`refunds.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.core import refs
from crm.core.errors import Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.payments import ledger, rules, subjects
from crm.payments.events import PaymentReceived
from crm.payments.models import Payment
from crm.payments.subjects import Subject

REF_PREFIX = "PAY"
BY_HAND = ("cash", "transfer", "other")


@dataclass(frozen=True)
class NewPayment:
    """method: `cash transfer other`. repair_id, invoice_id: one of them; a repair's invoice may do."""

    method: str
    amount_minor: int
    currency: str
    repair_id: int | None = None
    invoice_id: int | None = None
    customer_id: int | None = None
    purpose: str = "balance"
    note: str = ""


@dataclass(frozen=True)
class Card:
    """Where a card payment is to be found at the provider."""

    attempt_id: int
    provider: str
    payment_id: str
    charge_id: str | None


def take(uow: UnitOfWork, new: NewPayment, actor: Actor) -> Payment:
    """Record money a person took, and pay with it what is owed; more than that is held.

    Raises NotFound, Invalid (by field).
    """
    _check(new)
    subject = subjects.locked(uow, new.repair_id, new.invoice_id, new.customer_id)
    if new.currency != subject.currency:
        only = [f"This is paid in {subject.currency}."]
        raise Invalid("another currency", errors={"currency": only})
    return receive(
        uow, subject, new.method, new.amount_minor, new.purpose, actor, at=uow.now, note=new.note
    )


def receive(
    uow: UnitOfWork,
    subject: Subject,
    method: str,
    amount_minor: int,
    purpose: str,
    actor: Actor,
    *,
    at: datetime,
    note: str = "",
    card: Card | None = None,
) -> Payment:
    """Book money that is really there. subject: as `subjects.locked` gave it in this unit."""
    scope = subject.scope
    payment = Payment(
        ref=refs.free(uow, REF_PREFIX, Payment.ref),
        method=method,
        amount_minor=amount_minor,
        fee_minor=0,
        currency=subject.currency,
        purpose=purpose,
        state="received",
        repair_id=scope.repair_id,
        invoice_id=subject.invoice_id,
        customer_id=scope.customer_id,
        attempt_id=card.attempt_id if card else None,
        provider=card.provider if card else None,
        provider_payment_id=card.payment_id if card else None,
        provider_charge_id=card.charge_id if card else None,
        received_at=at,
        note=note,
        received_by=actor.name,
    )
    uow.session.add(payment)
    uow.session.flush()
    legs = rules.received(scope, method, amount_minor, payment.id)
    ledger.post(uow, f"payment:{payment.id}", payment.currency, legs)
    ledger.apply_held(uow, scope.repair_id, invoice_id=scope.invoice_id)
    uow.record(
        PaymentReceived(
            payment.id,
            actor,
            scope.repair_id,
            subject.invoice_id,
            scope.customer_id,
            amount_minor,
            payment.currency,
            method,
            purpose,
        )
    )
    return payment


def _check(new: NewPayment) -> None:
    errors = rules.faults(new.purpose, new.amount_minor)
    if new.method not in BY_HAND:
        errors["method"] = [f"One of: {', '.join(BY_HAND)}."]
    if errors:
        raise Invalid("this cannot be taken", errors=errors)
