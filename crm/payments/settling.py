"""What the provider reports about an attempt, compared with what was asked for, then booked.

Facts come doubled, late and out of order. Money that is really there is never turned away: a payment
on an attempt that was paid before, closed or refused is booked as well and held for the customer.
What does not fit the attempt moves nothing; a person looks at it.
"""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import select

from crm.core import audit, refs
from crm.core.errors import Outward, Temporary
from crm.core.events import Actor
from crm.core.uow import UnitOfWork, Units
from crm.payments import attempts, ledger, rules, service, subjects
from crm.payments.events import PaymentMismatched
from crm.payments.models import Attempt, Payment
from crm.payments.provider import Fact, Provider
from crm.payments.rules import Scope
from crm.payments.service import Card

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0


def settle(uow: UnitOfWork, fact: Fact) -> Payment | None:
    """Take in one fact. Returns the payment it proves, also when that was booked before.

    None: nothing was paid, the attempt is not ours, or the fact does not fit it.
    """
    ref = refs.read(attempts.REF_PREFIX, fact.attempt_ref)
    attempt_id = uow.session.scalar(select(Attempt.id).where(Attempt.ref == ref))
    if attempt_id is None:
        log.warning("unknown attempt", state=fact.state)
        return None
    attempt = attempts.locked(uow, attempt_id)
    if fact.session_id and attempt.provider_session_id is None:
        attempt.provider_session_id = fact.session_id
    if fact.state == "paid":
        return _paid(uow, attempt, fact)
    if fact.state == "processing" and attempt.state not in ("paid", "mismatched"):
        attempt.state, attempt.reason, attempt.settled_at = "processing", None, None
    elif fact.state == "failed":
        attempts.failed(uow, attempt.id, fact.reason)
    elif fact.state == "expired":
        attempts.expired(uow, attempt.id)
    uow.session.flush()
    return None


def _paid(uow: UnitOfWork, attempt: Attempt, fact: Fact) -> Payment | None:
    known = uow.session.scalar(
        select(Payment).where(Payment.provider_payment_id == fact.payment_id)
    )
    if known is not None:
        _learn(uow, known, fact)
        return known
    subject = subjects.locked(uow, attempt.repair_id, attempt.invoice_id, attempt.customer_id)
    wrong = rules.misfit(attempt, fact)
    if not wrong and ledger.currencies(uow, subject.scope) - {attempt.currency}:
        wrong = "booked in another currency meanwhile"
    if wrong:
        _mismatched(uow, attempt, fact, wrong)
        return None
    actor = Actor("system", attempt.provider)
    payment = service.receive(
        uow,
        replace(subject, currency=attempt.currency),
        "card",
        fact.amount_minor,
        attempt.purpose,
        actor,
        at=min(fact.at, uow.now),
        card=Card(attempt.id, attempt.provider, fact.payment_id or "", fact.charge_id),
    )
    if attempt.state == "paid":
        audit.write(uow, actor, "payment.again", payment.ref, {"attempt": attempt.ref})
    else:
        attempt.provider_payment_id = fact.payment_id
    attempt.state, attempt.reason, attempt.settled_at = "paid", None, uow.now
    _learn(uow, payment, fact)
    return payment


def _learn(uow: UnitOfWork, payment: Payment, fact: Fact) -> None:
    """The provider knows its fee, and sometimes the charge, a little later than the payment."""
    payment.provider_charge_id = payment.provider_charge_id or fact.charge_id
    if fact.fee_minor and not payment.fee_minor:
        payment.fee_minor = fact.fee_minor
        scope = Scope.of(payment.repair_id, payment.invoice_id, payment.customer_id)
        legs = rules.fee(scope, fact.fee_minor, payment.id)
        ledger.post(uow, f"fee:{payment.id}", payment.currency, legs)
    uow.session.flush()


def _mismatched(uow: UnitOfWork, attempt: Attempt, fact: Fact, wrong: str) -> None:
    if attempt.reason == wrong:
        return
    attempt.reason = wrong
    if attempt.state != "paid":
        attempt.state, attempt.settled_at = "mismatched", uow.now
    actor = Actor("system", attempt.provider)
    told = {
        "reason": wrong,
        "asked": [attempt.amount_minor, attempt.currency, attempt.livemode],
        "told": [fact.amount_minor, fact.currency, fact.livemode],
        "payment": fact.payment_id,
    }
    audit.write(uow, actor, "payment.mismatch", attempt.ref, told)
    uow.record(PaymentMismatched(attempt.id, actor, attempt.repair_id, wrong))
    uow.session.flush()


class Round:
    """Asks the provider about attempts nothing was heard of: a lost webhook, a crash in between."""

    def __init__(self, units: Units, provider: Provider):
        self.units = units
        self.provider = provider

    def run(self) -> int:
        """Returns of how many something new was told. While the provider is away they wait."""
        with self.units() as uow:
            due = [(one.id, one.ref) for one in attempts.doubtful(uow, self.provider.name)]
        count = 0
        for attempt_id, ref in due:
            try:
                fact = self.provider.find(ref)
            except Temporary as error:
                log.warning("the provider does not answer", code=error.code)
                break
            except Outward as error:
                # One that cannot be asked about must not keep the others waiting.
                log.warning("an attempt cannot be asked about", attempt=ref, code=error.code)
                with self.units() as uow:
                    attempts.locked(uow, attempt_id).asked_at = uow.now
                continue
            with self.units() as uow:
                count += self._take(uow, attempt_id, fact)
        return count

    def _take(self, uow: UnitOfWork, attempt_id: int, fact: Fact | None) -> bool:
        attempt = attempts.locked(uow, attempt_id)
        attempt.asked_at = uow.now
        before = (attempt.state, attempt.settled_at)
        if fact is not None:
            settle(uow, fact)
        elif rules.is_over(attempt, uow.now):
            attempts.expired(uow, attempt_id, "never opened" if attempt.url is None else None)
        uow.session.flush()
        return (attempt.state, attempt.settled_at) != before
