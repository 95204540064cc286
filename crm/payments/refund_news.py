"""What the provider says of a refund: of ours, or of one made at its own desk.

News comes doubled, late and out of order. A refund the provider itself called failed is final; one
we gave up on is not, when it turns out that it went through. Money that left is always booked, also
when it was not held any more: that part stays in `refunding` until a credit note makes it good.
"""

from __future__ import annotations

import structlog
from sqlalchemy import or_, select

from crm.core import audit, refs
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.payments import ledger, refund_booking, refund_rules
from crm.payments import queries as payments
from crm.payments.models import Payment
from crm.payments.provider import RefundFact
from crm.payments.refund_booking import post, scope_of
from crm.payments.refund_models import EFFECT, REF_PREFIX, Refund
from crm.payments.rules import Scope

log = structlog.get_logger(__name__)


def settled(uow: UnitOfWork, effect_key: str | None, fact: RefundFact) -> Refund | None:
    """Take in one fact. effect_key: ours, None when the refund was made at the provider's desk.

    None: the payment is not ours, nothing has left yet, or the fact does not fit (audited).
    """
    payment = payments.told_of(uow, fact)
    if payment is None:
        log.warning("refund of an unknown payment", state=fact.state)
        return None
    payment = refund_booking.locked(uow, payment.id)
    actor = Actor("system", payment.provider or "provider")
    refund = _known(uow, payment, effect_key, fact)
    if refund is None:
        return _made_elsewhere(uow, payment, fact, actor) if fact.state == "done" else None
    if wrong := refund_rules.misfit(refund, fact):
        told = {"reason": wrong, "told": [fact.amount_minor, fact.currency], "id": fact.refund_id}
        audit.write(uow, actor, "refund.mismatch", refund.ref, told)
        return None
    is_final = refund.state == "failed" and refund.provider_refund_id is not None
    if fact.refund_id:
        refund.provider_refund_id = fact.refund_id
    if fact.state == "done" and not is_final:
        _went(uow, refund, payment, actor)
    elif fact.state == "failed":
        _came_back(uow, refund, payment, actor, fact)
    uow.session.flush()
    return refund


def cover(uow: UnitOfWork, scope: Scope) -> None:
    """Make good out of what is held now what had left without being held, oldest first."""
    ledger.lock(uow, scope)
    if scope.repair_id is not None:
        theirs = Payment.repair_id == scope.repair_id
    else:
        theirs = (Payment.invoice_id == scope.invoice_id) & Payment.repair_id.is_(None)
    query = select(Refund, Payment).join(Payment, Payment.id == Refund.payment_id)
    query = query.where(theirs, Refund.uncovered_minor > 0).order_by(Refund.id)
    for refund, payment in uow.session.execute(query).all():
        part = min(ledger.held_in(uow, scope), refund.uncovered_minor)
        if part > 0:
            refund.uncovered_minor -= part
            legs = refund_rules.covered(scope_of(payment), part, payment.id)
            post(uow, refund, f"covered:{refund.uncovered_minor}", legs)
    uow.session.flush()


def _known(
    uow: UnitOfWork, payment: Payment, effect_key: str | None, fact: RefundFact
) -> Refund | None:
    which = []
    number = (effect_key or "").removeprefix(EFFECT)
    if effect_key and number.isascii() and number.isdigit() and len(number) < 19:
        which.append(Refund.id == int(number))
    if fact.refund_id:
        which.append(Refund.provider_refund_id == fact.refund_id)
    if not which:
        return None
    # One that still waits or was refused was never sent: the key is another deployment's.
    query = select(Refund).where(
        or_(*which),
        Refund.payment_id == payment.id,
        Refund.state.in_(("queued", "done", "failed")),
    )
    return uow.session.scalars(query.execution_options(populate_existing=True)).first()


def _went(uow: UnitOfWork, refund: Refund, payment: Payment, actor: Actor) -> None:
    scope = scope_of(payment)
    if refund.state == "queued":
        legs = refund_rules.gone(scope, payment.method, refund.amount_minor, payment.id)
        post(uow, refund, "done", legs)
        refund_booking.done(uow, refund, payment, actor)
    elif refund.state == "failed":
        _left(uow, refund, payment, "late")
        refund_booking.done(uow, refund, payment, actor)


def _came_back(
    uow: UnitOfWork, refund: Refund, payment: Payment, actor: Actor, fact: RefundFact
) -> None:
    scope, amount = scope_of(payment), refund.amount_minor
    if refund.state == "queued":
        legs = refund_rules.back(refund_rules.promised(scope, amount, payment.id))
        post(uow, refund, "failed", legs)
    elif refund.state == "done" and fact.refund_id:
        # The customer's bank sent back what had already left.
        paid_out = refund_rules.paid_out(
            scope, payment.method, amount, payment.id, refund.uncovered_minor
        )
        post(uow, refund, "returned", refund_rules.back(paid_out))
        refund.uncovered_minor = 0
    else:
        return
    refund_booking.failed(uow, refund, payment, actor, fact.reason or "refused")


def _made_elsewhere(
    uow: UnitOfWork, payment: Payment, fact: RefundFact, actor: Actor
) -> Refund | None:
    if fact.currency.upper() != payment.currency:
        told = {"payment": payment.ref, "told": [fact.amount_minor, fact.currency]}
        audit.write(uow, actor, "refund.mismatch", fact.refund_id, told)
        return None
    refund = Refund(
        ref=refs.free(uow, REF_PREFIX, Refund.ref),
        payment_id=payment.id,
        amount_minor=fact.amount_minor,
        currency=payment.currency,
        reason=fact.reason or f"made at {payment.provider}",
        state="done",
        lines=[],
        restock=False,
        requested_by=actor.name,
        provider_refund_id=fact.refund_id,
        uncovered_minor=0,
        created_at=uow.now,
        settled_at=uow.now,
    )
    uow.session.add(refund)
    uow.session.flush()
    _left(uow, refund, payment, "")
    told = {"payment": payment.ref, "amount_minor": refund.amount_minor,
            "uncovered_minor": refund.uncovered_minor}  # fmt: skip
    audit.write(uow, actor, "refund.elsewhere", refund.ref, told)
    refund_booking.done(uow, refund, payment, actor)
    uow.session.flush()
    return refund


def _left(uow: UnitOfWork, refund: Refund, payment: Payment, step: str) -> None:
    """Money is gone that was not promised before: as far as it is held, out of that."""
    scope = scope_of(payment)
    refund.uncovered_minor = max(0, refund.amount_minor - ledger.held_in(uow, scope))
    legs = refund_rules.paid_out(
        scope, payment.method, refund.amount_minor, payment.id, refund.uncovered_minor
    )
    post(uow, refund, step, legs)
