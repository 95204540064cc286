"""What the provider says of a dispute, booked once and made a task.

News comes doubled and in any order, so a dispute only climbs: needs_response, under_review, won or
lost. Evidence is sent to the bank by a person, at the provider's desk (`crm/evidence` packs it).
"""

from __future__ import annotations

import structlog
from sqlalchemy import select

from crm.core import audit, clock, refs
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.disputes import rules, tasks
from crm.disputes.events import DisputeClosed, DisputeOpened
from crm.disputes.models import Dispute
from crm.disputes.queries import REF_PREFIX
from crm.payments import ledger
from crm.payments import queries as payments
from crm.payments import rules as payment_rules
from crm.payments.models import Payment
from crm.payments.provider import DisputeFact
from crm.payments.rules import Leg, Scope

log = structlog.get_logger(__name__)

LONGEST_REASON = 200
OPEN = "needs_response"


def record(uow: UnitOfWork, fact: DisputeFact) -> Dispute | None:
    """Take in one fact; what is known already changes nothing. None: the payment is not ours."""
    payment = payments.told_of(uow, fact)
    if payment is None or fact.amount_minor <= 0:
        log.warning("dispute of an unknown payment", state=fact.state)
        return None
    scope = Scope.of(payment.repair_id, payment.invoice_id, payment.customer_id)
    ledger.lock(uow, scope)
    uow.session.refresh(payment)
    actor = Actor("system", payment.provider or "provider")
    query = select(Dispute).where(Dispute.provider_dispute_id == fact.dispute_id)
    dispute = uow.session.scalar(query.execution_options(populate_existing=True))
    if dispute is None:
        dispute = _opened(uow, fact, payment, scope, actor)
    elif fact.due_at not in (None, dispute.due_at) and {fact.state, dispute.state} == {OPEN}:
        tasks.move(uow, dispute, fact.due_at, actor)
    if fact.fee_minor and not dispute.fee_minor:
        dispute.fee_minor = fact.fee_minor
        _post(uow, dispute, "fee", payment_rules.fee(scope, fact.fee_minor, payment.id))
    if rules.climbs(dispute.state, fact.state):
        dispute.state = fact.state
        if fact.state in rules.ENDS:
            _closed(uow, dispute, payment, scope, actor)
        else:
            tasks.tell(uow, dispute, "The bank has the evidence and is looking at it.", actor)
    uow.session.flush()
    return dispute


def _opened(
    uow: UnitOfWork, fact: DisputeFact, payment: Payment, scope: Scope, actor: Actor
) -> Dispute:
    currency = fact.currency.upper()
    fits = currency == payment.currency and fact.amount_minor <= payment.amount_minor
    dispute = Dispute(
        ref=refs.free(uow, REF_PREFIX, Dispute.ref),
        payment_id=payment.id,
        provider_dispute_id=fact.dispute_id,
        reason=fact.reason[:LONGEST_REASON],
        amount_minor=fact.amount_minor,
        fee_minor=0,
        currency=currency,
        state=OPEN,
        is_booked=fits,
        due_at=fact.due_at,
        opened_at=uow.now,
    )
    uow.session.add(dispute)
    uow.session.flush()
    if fits:
        payment.state = "disputed"
    else:
        told = {"payment": payment.ref, "told": [fact.amount_minor, currency]}
        audit.write(uow, actor, "dispute.mismatch", dispute.ref, told)
    _post(uow, dispute, "opened", rules.opened(scope, dispute.amount_minor, payment.id))
    tasks.open_task(uow, dispute, payment, actor)
    uow.record(
        DisputeOpened(dispute.id, actor, payment.repair_id, payment.id, dispute.amount_minor,
                      currency, dispute.reason, clock.iso(dispute.due_at))
    )  # fmt: skip
    return dispute


def _closed(
    uow: UnitOfWork, dispute: Dispute, payment: Payment, scope: Scope, actor: Actor
) -> None:
    is_won = dispute.state == "won"
    dispute.closed_at = uow.now
    legs = rules.won if is_won else rules.lost
    _post(uow, dispute, dispute.state, legs(scope, dispute.amount_minor, payment.id))
    uow.session.flush()
    payment.state = _state_of(uow, payment)
    tasks.close(uow, dispute, actor)
    uow.record(
        DisputeClosed(dispute.id, actor, payment.repair_id, payment.id, dispute.amount_minor,
                      dispute.currency, is_won)
    )  # fmt: skip


def _state_of(uow: UnitOfWork, payment: Payment) -> str:
    """A payment may be disputed in parts: one that was lost, or is still open, stands."""
    query = select(Dispute.state).where(Dispute.payment_id == payment.id, Dispute.is_booked)
    states = set(uow.session.scalars(query))
    if states & {"needs_response", "under_review"}:
        return "disputed"
    return "lost" if "lost" in states else "received"


def _post(uow: UnitOfWork, dispute: Dispute, step: str, legs: tuple[Leg, ...]) -> None:
    if dispute.is_booked:
        ledger.post(uow, f"dispute:{dispute.id}:{step}", dispute.currency, legs)
