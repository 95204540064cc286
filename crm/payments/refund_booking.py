"""What asking for a refund and hearing of one share: the lock, the ledger, the news of its end."""

from __future__ import annotations

from collections.abc import Iterable

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.payments import ledger
from crm.payments.events import RefundDone, RefundFailed
from crm.payments.models import Payment
from crm.payments.refund_models import Refund
from crm.payments.rules import Leg, Scope


def scope_of(payment: Payment) -> Scope:
    return Scope.of(payment.repair_id, payment.invoice_id, payment.customer_id)


def locked(uow: UnitOfWork, payment_id: int) -> Payment:
    """The payment, with nobody else deciding about its money until the unit ends."""
    payment = uow.session.get_one(Payment, payment_id)
    ledger.lock(uow, scope_of(payment))
    uow.session.refresh(payment)
    return payment


def fresh(uow: UnitOfWork, refund_id: int) -> Refund:
    """Read anew under the lock of its payment."""
    return uow.session.get_one(Refund, refund_id, populate_existing=True)


def post(uow: UnitOfWork, refund: Refund, step: str, legs: Iterable[Leg]) -> None:
    """Each step of a refund is booked once. step: empty for when the money is taken out of `held`."""
    cause = f"{refund.effect_key}:{step}" if step else refund.effect_key
    ledger.post(uow, cause, refund.currency, legs)


def done(uow: UnitOfWork, refund: Refund, payment: Payment, actor: Actor) -> None:
    refund.state, refund.settled_at, refund.failure = "done", uow.now, None
    uow.record(
        RefundDone(
            payment.id, actor, refund.id, payment.repair_id, refund.amount_minor,
            refund.currency, payment.method, refund.restock,
        )
    )  # fmt: skip


def failed(uow: UnitOfWork, refund: Refund, payment: Payment, actor: Actor, reason: str) -> None:
    """The money is held again, and pays what is owed by now."""
    refund.state, refund.settled_at, refund.failure = "failed", uow.now, reason[:500]
    scope = scope_of(payment)
    ledger.apply_held(uow, scope.repair_id, invoice_id=scope.invoice_id)
    uow.record(
        RefundFailed(
            payment.id, actor, refund.id, payment.repair_id, refund.amount_minor,
            refund.currency, refund.failure or "",
        )
    )  # fmt: skip
