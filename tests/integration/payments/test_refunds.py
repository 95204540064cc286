"""Money given back: never more than there is, once, and by two people when it is much."""

from __future__ import annotations

import random
import threading

import pytest
from sqlalchemy import func, select, text

from crm.core.audit import AuditRow
from crm.core.db import make_engine
from crm.core.errors import Conflict, Forbidden, Invalid, NotFound
from crm.core.outbox import OutboxRow
from crm.core.uow import Units
from crm.payments import posting, queries, refund_news, refunds
from crm.payments.models import Payment
from crm.payments.refund_models import Refund
from crm.payments.rules import Scope
from tests import builders
from tests.integration.payments import giving
from tests.integration.payments.giving import BOSS, SHOP, ask, balances, count, hear, told


def state(units, refund):
    with units() as uow:
        return refunds.by_ref(uow, refund.ref).state


@pytest.fixture
def units(db):
    """With the ledger's own reactions to documents."""
    engine = make_engine(db)
    yield Units(engine, posting.table())
    engine.dispose()


def spend(units, repair, amount):
    giving.invoiced(units, repair, amount)


def test_cash_goes_back_at_once(units, repair):
    payment = giving.cash(units, repair)
    refund = ask(units, payment, amount_minor=2000, restock=True)
    assert (refund.state, refund.ref[:4]) == ("done", "REF-")
    assert balances(units) == {"cash": 3000, "held": -3000}
    with units() as uow:
        told = queries.standing(uow, repair.id)
        assert (told.paid_minor, told.refunded_minor, told.held_minor) == (5000, 2000, 3000)
        kind = text("SELECT data FROM events WHERE kind = 'refund.done'")
        assert uow.session.scalar(kind)["restock"] is True
    assert ask(units, payment).amount_minor == 3000, "without an amount: all that is left"
    assert balances(units) == {}
    with pytest.raises(Conflict) as refused:
        ask(units, payment, amount_minor=1)
    assert refused.value.code == "refund-too-high"


def test_more_than_paid_or_held_is_refused(units, repair):
    payment = giving.cash(units, repair, 5000)
    giving.cash(units, repair, 9000)
    for amount in (5001, 14_000):
        with pytest.raises(Conflict, match="£50.00 can be given back") as refused:
            ask(units, payment, amount_minor=amount)
        assert refused.value.code == "refund-too-high"
    spend(units, repair, 12_000)
    with pytest.raises(Conflict, match="£20.00"):
        ask(units, payment, amount_minor=2001)
    assert ask(units, payment, amount_minor=2000).state == "done"
    with pytest.raises(Conflict, match="£0.00"):
        ask(units, payment)


@pytest.mark.parametrize("amount", [0, 1.5, True, 10**13])
def test_amounts_that_are_none(units, repair, amount):
    payment = giving.cash(units, repair)
    with pytest.raises(Invalid) as refused:
        ask(units, payment, amount_minor=amount)
    assert list(refused.value.errors) == ["amount_minor"]
    assert balances(units) == {"cash": 5000, "held": -5000}


@pytest.mark.parametrize("ref", ["", "PAY-2611-00000", "\x00"])
def test_a_payment_that_is_not(units, repair, ref):
    with pytest.raises(NotFound), units() as uow:
        refunds.request(uow, SHOP, refunds.NewRefund(ref, "why"), builders.STAFF)


@pytest.mark.parametrize("fields", [{"reason": " "}, {"reason": "x" * 501},
                                    {"lines": ((0, 100),)}, {"invoice_id": 1}])  # fmt: skip
def test_what_is_missing_is_named(units, repair, fields):
    payment = giving.cash(units, repair)
    with pytest.raises(Invalid):
        ask(units, payment, **fields)


def test_much_needs_a_second_person(units, repair):
    payment = giving.cash(units, repair, 30_000)
    assert ask(units, payment, amount_minor=9000).state == "done"
    small = ask(units, payment, amount_minor=1001)
    assert small.state == "waiting_second", "small ones add up"
    assert balances(units)["cash"] == 21_000
    with pytest.raises(Forbidden) as refused, units() as uow:
        refunds.approve(uow, SHOP, refunds.by_ref(uow, small.ref), builders.STAFF)
    assert refused.value.code == "second-person-needed"
    with units() as uow:
        refunds.approve(uow, SHOP, refunds.by_ref(uow, small.ref), BOSS)
    assert (state(units, small), balances(units)["cash"]) == ("done", 19_999)
    for act in (lambda uow, one: refunds.approve(uow, SHOP, one, BOSS),
                lambda uow, one: refunds.refuse(uow, one, BOSS)):  # fmt: skip
        with pytest.raises(Conflict) as settled, units() as uow:
            act(uow, refunds.by_ref(uow, small.ref))
        assert settled.value.code == "refund-settled"
    with units() as uow:
        actions = uow.session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert actions == ["refund.request", "refund.request", "refund.approve"]


def test_what_is_refused_can_be_asked_for_again(units, repair):
    payment = giving.cash(units, repair, 30_000)
    refund = ask(units, payment)
    with pytest.raises(Conflict, match="£0.00"):
        ask(units, payment, amount_minor=1)
    with units() as uow:
        refunds.refuse(uow, refunds.by_ref(uow, refund.ref), BOSS)
    assert balances(units)["held"] == -30_000
    assert ask(units, payment, amount_minor=10_000).state == "done"


def test_approved_when_the_money_is_spent(units, repair):
    payment = giving.cash(units, repair, 30_000)
    refund = ask(units, payment)
    spend(units, repair, 1000)
    with pytest.raises(Conflict) as refused, units() as uow:
        refunds.approve(uow, SHOP, refunds.by_ref(uow, refund.ref), BOSS)
    assert refused.value.code == "refund-too-high"
    assert state(units, refund) == "waiting_second"


def test_a_card_refund_is_sent_and_settled(units, repair):
    payment = giving.card(units, repair)
    refund = ask(units, payment, amount_minor=2000)
    assert refund.state == "queued"
    with units() as uow:
        row = uow.session.scalars(select(OutboxRow)).one()
        assert (row.kind, row.mode, row.effect_key) == (
            "fake.refund",
            "send",
            f"refund:{refund.id}",
        )
        assert row.body == {"payment_id": "pi_1", "charge_id": "ch_1", "amount_minor": 2000,
                            "currency": "GBP", "reason": refund.ref}  # fmt: skip
    assert balances(units) == {"card": 5000, "held": -3000, "refunding": -2000}
    fact = told(payment, "pending", 2000, key=row.effect_key)
    hear(units, fact)
    assert state(units, refund) == "queued"
    for _ in range(3):
        hear(units, told(payment, "done", 2000, key=row.effect_key))
        hear(units, fact)
        hear(units, told(payment, "done", 2000, key=None))
    assert balances(units) == {"card": 3000, "held": -3000}
    assert (state(units, refund), count(units, "refund.done")) == ("done", 1)
    with units() as uow:
        assert uow.session.scalar(select(func.count(Refund.id))) == 1
        assert queries.standing(uow, repair.id).refunded_minor == 2000


def test_a_failed_one_releases_what_was_reserved(units, repair):
    payment = giving.card(units, repair)
    refund = ask(units, payment)
    for _ in range(2):
        hear(units, told(payment, "failed", key=refund.effect_key, reason="lost_or_stolen_card"))
    assert balances(units) == {"card": 5000, "held": -5000}
    assert (state(units, refund), count(units, "refund.failed")) == ("failed", 1)
    hear(units, told(payment, "done", key=refund.effect_key))
    assert state(units, refund) == "failed", "the provider's own failure is final"
    again = ask(units, payment)
    assert again.effect_key != refund.effect_key


def test_given_up_on_and_yet_it_went(units, repair):
    payment = giving.card(units, repair)
    refund = ask(units, payment)
    hear(units, told(payment, "failed", key=refund.effect_key, number=""))
    spend(units, repair, 4000)
    hear(units, told(payment, "done", key=refund.effect_key))
    assert state(units, refund) == "done"
    assert balances(units) == {"refunding": 4000, "sales": -4000}
    with units() as uow:
        refund_news.cover(uow, Scope(repair.id))
        assert refunds.by_ref(uow, refund.ref).uncovered_minor == 4000, "nothing is held"
    giving.cash(units, repair, 1500)
    with units() as uow:
        refund_news.cover(uow, Scope(repair.id))
        assert refunds.by_ref(uow, refund.ref).uncovered_minor == 2500
    assert balances(units) == {"cash": 1500, "refunding": 2500, "sales": -4000}
    hear(units, told(payment, "failed", key=refund.effect_key))
    assert balances(units) == {"card": 5000, "cash": 1500, "held": -2500, "sales": -4000}


def test_a_refund_comes_back_from_the_bank(units, repair):
    payment = giving.card(units, repair)
    refund = ask(units, payment, amount_minor=1000)
    hear(units, told(payment, "done", 1000, key=refund.effect_key))
    hear(units, told(payment, "failed", 1000, key=refund.effect_key))
    hear(units, told(payment, "done", 1000, key=refund.effect_key))
    assert balances(units) == {"card": 5000, "held": -5000}
    assert (state(units, refund), count(units, "refund.failed")) == ("failed", 1)


def test_a_refund_made_at_the_providers_desk(units, repair):
    payment = giving.card(units, repair)
    spend(units, repair, 4000)
    for _ in range(2):
        hear(units, told(payment, "pending", 3000, number="re_desk"))
        hear(units, told(payment, "done", 3000, number="re_desk"))
    assert balances(units) == {"card": 2000, "refunding": 2000, "sales": -4000}
    with units() as uow:
        refund = uow.session.scalars(select(Refund)).one()
        assert (refund.uncovered_minor, refund.requester_id) == (2000, None)
    with pytest.raises(Conflict):
        ask(units, payment, amount_minor=2001)


@pytest.mark.parametrize("fields", [{"amount": 4999}, {"currency": "EUR"}])
def test_a_fact_that_does_not_fit_moves_nothing(units, repair, fields):
    payment = giving.card(units, repair)
    refund = ask(units, payment)
    before = balances(units)
    amount = fields.pop("amount", 5000)
    assert hear(units, told(payment, "done", amount, key=refund.effect_key, **fields)) is None
    assert (balances(units), state(units, refund)) == (before, "queued")


@pytest.mark.parametrize("key", ["refund:", "refund:" + "9" * 30, "refund:²"])
def test_a_key_that_is_not_ours(units, repair, key):
    payment = giving.card(units, repair)
    ask(units, payment, amount_minor=1000)
    assert hear(units, told(payment, "failed", 1000, key=key)) is None
    unknown = told(Payment(provider_payment_id="pi_other"), "done", key="refund:1")
    assert hear(units, unknown) is None
    assert balances(units) == {"card": 5000, "held": -4000, "refunding": -1000}


def test_two_at_once_get_one_refund(units, repair):
    payment = giving.cash(units, repair, 5000)
    start, codes = threading.Barrier(6), []

    def run():
        start.wait()
        try:
            codes.append(ask(units, payment, amount_minor=3000).state)
        except Conflict as refused:
            codes.append(refused.code)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(codes) == ["done", *["refund-too-high"] * 5]
    assert balances(units) == {"cash": 2000, "held": -2000}


def test_approved_twice_at_once(units, repair):
    payment = giving.card(units, repair, 30_000)
    refund = ask(units, payment)
    start, codes = threading.Barrier(4), []

    def run():
        start.wait()
        try:
            with units() as uow:
                refunds.approve(uow, SHOP, refunds.by_ref(uow, refund.ref), BOSS)
            codes.append("approved")
        except Conflict as refused:
            codes.append(refused.code)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(codes) == ["approved", *["refund-settled"] * 3]
    with units() as uow:
        assert uow.session.scalar(select(func.count(OutboxRow.id))) == 1


@pytest.mark.parametrize("seed", range(5))
def test_news_in_any_order_adds_up(units, repair, seed):
    """However refunds are asked for and told of: what left is what the provider says left."""
    dice = random.Random(seed)
    payment = giving.card(units, repair, 9000)
    if dice.random() < 0.5:
        spend(units, repair, dice.randint(1, 6000))
    at_the_bank: dict[str, tuple[int, str | None, str]] = {}
    for number in range(dice.randint(1, 4)):
        amount = dice.randint(1, 4000)
        try:
            key = ask(units, payment, amount_minor=amount).effect_key
        except Conflict:
            continue
        at_the_bank[f"re_{number}"] = (amount, key, dice.choice(("done", "failed")))
    at_the_bank["re_desk"] = (dice.randint(1, 500), None, "done")
    facts = []
    for number, (amount, key, end) in at_the_bank.items():
        news = [told(payment, one, amount, key=key, number=number) for one in ("pending", end)]
        facts += [*news, *news]
    dice.shuffle(facts)
    for fact in facts:
        hear(units, fact)
    gone = sum(amount for amount, _, end in at_the_bank.values() if end == "done")
    booked = balances(units)
    assert booked["card"] == 9000 - gone
    assert booked.get("refunding", 0) >= 0 and booked.get("held", 0) <= 0
