"""Attempts to pay by card: one open door, and every fact taken for what it proves."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crm.core import clock
from crm.core.audit import AuditRow
from crm.core.errors import Conflict, Invalid
from crm.core.events import EventRow
from crm.payments import attempts, checkout, queries, service, settling
from crm.payments.checkout import Page
from crm.payments.models import Attempt, LedgerEntry, Payment
from crm.payments.service import NewPayment
from tests import builders

PAGE = Page("Deposit", "https://shop.example/back", "https://shop.example/pay", "en")


def begin(units, repair, provider, amount=3000, purpose="deposit"):
    with units() as uow:
        return attempts.begin(
            uow, repair.id, purpose, amount, "GBP", repair.customer_id, None, provider
        )


def opened(units, repair, provider, **how):
    attempt = begin(units, repair, provider, **how)
    return checkout.open_page(units, provider, attempt.id, PAGE)


def settle(units, fact):
    with units() as uow:
        return settling.settle(uow, fact)


def state(units, ref):
    with units() as uow:
        return queries.attempt_by_ref(uow, ref).state


def paid(units, repair):
    with units() as uow:
        return queries.standing(uow, repair.id).paid_minor


def count(units, kind):
    with units() as uow:
        query = select(func.count(EventRow.id)).where(EventRow.kind == kind)
        return uow.session.scalar(query)


def age(units, minutes):
    with units() as uow:
        gone = timedelta(minutes=minutes)
        uow.session.execute(update(Attempt).values(
            created_at=Attempt.created_at - gone, expires_at=Attempt.expires_at - gone,
            asked_at=Attempt.asked_at - gone,
        ))  # fmt: skip


def test_paid_once_however_often_it_is_told(units, repair, provider):
    attempt = opened(units, repair, provider)
    assert (attempt.state, attempt.url) == ("open", "https://pay.example/1")
    fact = provider.pay(attempt.ref, fee_minor=59)
    payments = {settle(units, fact).id for _ in range(3)}
    assert len(payments) == 1
    with units() as uow:
        assert queries.standing(uow, repair.id).held_minor == 3000
        (payment,) = queries.of_repair(uow, repair.id)
        assert (payment.method, payment.fee_minor, payment.purpose) == ("card", 59, "deposit")
        fees = uow.session.scalars(
            select(LedgerEntry.amount_minor).where(LedgerEntry.account == "fees")
        ).all()
        assert fees == [59]
    assert state(units, attempt.ref) == "paid"
    assert count(units, "payment.completed") == 1


def test_the_fee_may_be_known_later(units, repair, provider):
    attempt = opened(units, repair, provider)
    settle(units, provider.pay(attempt.ref))
    for _ in range(2):
        payment = settle(units, provider.fact(attempt.ref, fee_minor=47))
    assert payment.fee_minor == 47


def test_a_second_begin_is_the_same_attempt(units, repair, provider):
    first = opened(units, repair, provider)
    second = opened(units, repair, provider)
    assert (second.id, second.url) == (first.id, first.url)
    assert len(provider.pages) == 1
    assert count(units, "payment.initiated") == 1


def test_another_amount_closes_the_old_door(units, repair, provider):
    old = opened(units, repair, provider)
    with units() as uow:
        part = NewPayment("cash", 1000, "GBP", repair.id)
        service.take(uow, part, builders.STAFF)
    new = opened(units, repair, provider, amount=2000)
    assert new.id != old.id
    assert state(units, old.ref) == "expired"
    assert provider.expired == [old.provider_session_id]


def test_money_on_a_closed_attempt_is_kept(units, repair, provider):
    old = opened(units, repair, provider)
    new = opened(units, repair, provider, amount=2000)
    settle(units, provider.pay(old.ref))
    settle(units, provider.pay(new.ref))
    assert paid(units, repair) == 5000
    assert state(units, old.ref) == "paid"


def test_two_payments_on_one_attempt_are_both_money(units, repair, provider):
    attempt = opened(units, repair, provider)
    first = settle(units, provider.pay(attempt.ref))
    second = settle(units, provider.pay(attempt.ref))
    assert first.id != second.id
    assert paid(units, repair) == 6000
    with units() as uow:
        actions = uow.session.scalars(select(AuditRow.action)).all()
        assert actions == ["payment.again"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"amount_minor": 2999}, "amount"),
        ({"amount_minor": 3001}, "amount"),
        ({"currency": "eur"}, "currency"),
        ({"livemode": True}, "livemode"),
        ({"payment_id": None}, "no payment is named"),
        ({"amount_minor": 1, "currency": "USD", "livemode": True}, "amount, currency, livemode"),
    ],
)
def test_what_does_not_fit_moves_nothing(units, repair, provider, told, reason):
    attempt = opened(units, repair, provider)
    fact = provider.pay(attempt.ref, **told)
    assert settle(units, fact) is None
    assert settle(units, fact) is None
    assert (state(units, attempt.ref), paid(units, repair)) == ("mismatched", 0)
    assert count(units, "payment.mismatched") == 1
    with units() as uow:
        row = uow.session.scalars(select(AuditRow)).one()
        assert (row.action, row.target) == ("payment.mismatch", attempt.ref)
        assert row.details["reason"] == reason
        assert uow.session.scalar(select(func.count(Payment.id))) == 0
    assert settle(units, provider.fact(attempt.ref)) is not None


def test_a_fact_of_somebody_else(units, repair, provider):
    attempt = opened(units, repair, provider)
    fact = provider.pay(attempt.ref)
    for ref in ("CHK-2611-00000", "", "'; DROP TABLE payments", "😀" * 10_000, "CHK\0", "\u202e"):
        assert settle(units, replace(fact, attempt_ref=ref)) is None
    assert settle(units, fact) is not None


def test_lower_case_currency_is_the_same_money(units, repair, provider):
    attempt = opened(units, repair, provider)
    assert settle(units, provider.pay(attempt.ref, currency="gbp")).currency == "GBP"


def test_processing_holds_the_door_until_the_last_word(units, repair, provider):
    attempt = opened(units, repair, provider)
    settle(units, provider.fact(attempt.ref, state="processing", payment_id="pi_x"))
    with pytest.raises(Conflict) as refused:
        begin(units, repair, provider)
    assert refused.value.code == "payment-processing"
    settle(units, provider.fact(attempt.ref, state="failed", reason="bounced"))
    settle(units, provider.fact(attempt.ref, state="failed", reason="bounced"))
    assert state(units, attempt.ref) == "failed"
    assert count(units, "payment.failed") == 1
    assert begin(units, repair, provider).id != attempt.id


def test_late_news_never_undoes_a_payment(units, repair, provider):
    attempt = opened(units, repair, provider)
    fact = provider.pay(attempt.ref)
    settle(units, fact)
    for late in ("processing", "failed", "expired"):
        settle(units, provider.fact(attempt.ref, state=late))
        assert state(units, attempt.ref) == "paid"
    assert paid(units, repair) == 3000


def test_facts_in_any_order_and_number(units, repair, provider):
    """Whatever the order, the money that came in is booked once for each movement."""
    for seed in range(15):
        luck = random.Random(seed)
        attempt = opened(units, repair, provider, amount=100 + seed)
        facts = [provider.fact(attempt.ref, state=word) for word in ("processing", "expired")]
        facts.append(provider.fact(attempt.ref, state="failed", reason="x"))
        facts += [provider.pay(attempt.ref), provider.fact(attempt.ref, fee_minor=7)] * 2
        paid_ids = {fact.payment_id for fact in facts if fact.state == "paid"}
        luck.shuffle(facts)
        before = paid(units, repair)
        for fact in facts:
            settle(units, fact)
        assert state(units, attempt.ref) == "paid"
        assert paid(units, repair) - before == len(paid_ids) * attempt.amount_minor


def test_the_same_fact_at_once(units, repair, provider):
    attempt = opened(units, repair, provider)
    fact = provider.pay(attempt.ref, fee_minor=12)
    start, made = threading.Barrier(6), []

    def tell():
        start.wait()
        made.append(settle(units, fact).id)

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 6
    assert len(set(made)) == 1
    assert paid(units, repair) == 3000


def test_two_begin_at_once(units, repair, provider):
    start, made = threading.Barrier(6), []

    def press():
        start.wait()
        made.append(opened(units, repair, provider).url)

    threads = [threading.Thread(target=press) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert made == ["https://pay.example/1"] * 6


@pytest.mark.parametrize("amount", [0, -5, 1.5, True, 10**11, "30"])
def test_an_amount_nobody_can_pay(units, repair, provider, amount):
    with pytest.raises(Invalid) as refused:
        begin(units, repair, provider, amount=amount)
    assert list(refused.value.errors) == ["amount_minor"]


def test_a_lost_webhook_is_found(units, repair, provider):
    attempt = opened(units, repair, provider)
    provider.pay(attempt.ref)
    turn = settling.Round(units, provider)
    assert turn.run() == 0  # too young to doubt
    age(units, 16)
    assert turn.run() == 1
    assert turn.run() == 0
    assert paid(units, repair) == 3000


def test_it_is_asked_about_less_and_less_until_it_is_over(units, repair, provider):
    attempt = opened(units, repair, provider)
    asked = []
    provider.find = lambda ref: asked.append(ref)
    turn = settling.Round(units, provider)
    for _ in range(60):
        age(units, 1)
        turn.run()
    assert 3 <= len(asked) <= 6
    with units() as uow:
        found = queries.attempt_by_ref(uow, attempt.ref)
        assert found.state == "expired"
        assert found.settled_at <= clock.now()
