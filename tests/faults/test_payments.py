"""A card payment killed between every two steps: no amount is lost, doubled or asked for twice.

The steps: attempt committed, page opened at the provider, page committed, customer pays, fact booked.
After each death the same thing is done again, as a browser, a webhook or the round does it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crm.core.db import make_engine
from crm.core.errors import Permanent, Temporary, Uncertain
from crm.core.uow import UnitOfWork, Units
from crm.payments import attempts, checkout, queries, settling
from crm.payments.checkout import Page
from crm.payments.models import Attempt, LedgerEntry, Payment
from crm.repairs.models import Repair
from tests import builders
from tests.provider import FakeProvider, Killed

PAGE = Page("Deposit", "https://shop.example/back", "https://shop.example/pay", "en")
AMOUNT = 4200


class Mortal(Units):
    """Units of which the nth dies: with its work undone, or just after the commit.

    dies: number of the unit -> `before commit` or `after commit`.
    """

    def __init__(self, engine):
        super().__init__(engine)
        self.dies: dict[int, str] = {}
        self.count = 0

    @contextmanager
    def __call__(self) -> Iterator[UnitOfWork]:
        self.count += 1
        moment = self.dies.pop(self.count, None)
        with super().__call__() as uow:
            yield uow
            if moment == "before commit":
                raise Killed
        if moment == "after commit":
            raise Killed


@pytest.fixture
def units(db: str) -> Iterator[Mortal]:
    engine = make_engine(db)
    yield Mortal(engine)
    engine.dispose()


@pytest.fixture
def repair(units: Mortal) -> Repair:
    with units() as uow:
        made = builders.repair(uow, builders.customer(uow).id, currency="GBP")
    units.count = 0
    return made


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


def press(units: Mortal, repair: Repair, provider: FakeProvider) -> Attempt:
    """The customer presses "Pay": what the page does."""
    with units() as uow:
        attempt = attempts.begin(
            uow, repair.id, "deposit", AMOUNT, "GBP", repair.customer_id, None, provider
        )
    return checkout.open_page(units, provider, attempt.id, PAGE)


def hear(units: Mortal, provider: FakeProvider, ref: str) -> None:
    """A webhook: the object is fetched, then booked."""
    fact = provider.find(ref)
    if fact is not None:
        with units() as uow:
            settling.settle(uow, fact)


def later(units: Mortal, minutes: int) -> None:
    with units() as uow:
        gone = timedelta(minutes=minutes)
        uow.session.execute(update(Attempt).values(
            created_at=Attempt.created_at - gone, expires_at=Attempt.expires_at - gone,
            asked_at=Attempt.asked_at - gone,
        ))  # fmt: skip


def check_books(units: Mortal, repair: Repair, provider: FakeProvider) -> None:
    """Ours equal the provider's, to the penny and the movement."""
    with units() as uow:
        charged = sum(amount for _, amount in provider.charges)
        assert queries.standing(uow, repair.id).paid_minor == charged
        assert uow.session.scalar(select(func.count(Payment.id))) == len(provider.charges)
        assert not uow.session.scalar(select(func.sum(LedgerEntry.amount_minor)))


STEPS = [
    *((number, moment) for number in (1, 2, 3) for moment in ("before commit", "after commit")),
    "before checkout",
    "after checkout",
]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_killed_while_the_page_is_opened(units, repair, provider, step):
    if isinstance(step, str):
        provider.cut[step] = Killed()
    else:
        units.dies[step[0]] = step[1]
    with pytest.raises(Killed):
        press(units, repair, provider)
    attempt = press(units, repair, provider)
    assert attempt.state == "open"
    assert len(provider.pages) == 1, "one page, however often it was asked for"
    provider.pay(attempt.ref)
    hear(units, provider, attempt.ref)
    check_books(units, repair, provider)


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_killed_while_the_fact_is_booked(units, repair, provider, moment):
    attempt = press(units, repair, provider)
    provider.pay(attempt.ref)
    units.dies[units.count + 1] = moment
    with pytest.raises(Killed):
        hear(units, provider, attempt.ref)
    hear(units, provider, attempt.ref)
    check_books(units, repair, provider)


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
@pytest.mark.parametrize("number", [1, 2])
def test_the_round_killed_and_run_again(units, repair, provider, number, moment):
    attempt = press(units, repair, provider)
    provider.pay(attempt.ref)
    later(units, 20)
    units.dies[units.count + number] = moment
    turn = settling.Round(units, provider)
    with pytest.raises(Killed):
        turn.run()
    later(units, 10)
    turn.run()
    check_books(units, repair, provider)


def test_nobody_came_back_after_the_death(units, repair, provider):
    """The page exists at the provider, its address reached nobody: it ends by itself."""
    provider.cut["after checkout"] = Killed()
    with pytest.raises(Killed):
        press(units, repair, provider)
    later(units, 20)
    settling.Round(units, provider).run()
    with units() as uow:
        attempt = uow.session.scalars(select(Attempt)).one()
        assert (attempt.state, attempt.reason) == ("expired", "never opened")
        assert attempt.settled_at is not None
    assert press(units, repair, provider).ref != attempt.ref
    check_books(units, repair, provider)


def test_the_customer_paid_although_we_died(units, repair, provider):
    """The answer got lost between the provider and us, and the money came in all the same."""
    provider.cut["after checkout"] = Killed()
    with pytest.raises(Killed):
        press(units, repair, provider)
    (ref,) = provider.pages
    provider.pay(ref)
    later(units, 16)
    settling.Round(units, provider).run()
    check_books(units, repair, provider)


@pytest.mark.parametrize("fault", [Temporary, Uncertain])
def test_the_provider_is_away(units, repair, provider, fault):
    for where in ("before checkout", "after checkout"):
        provider.cut[where] = fault("away")
        with pytest.raises(fault):
            press(units, repair, provider)
    assert press(units, repair, provider).state == "open"
    assert len(provider.pages) == 1


def test_the_provider_refuses_for_good(units, repair, provider):
    provider.cut["before checkout"] = Permanent("no such currency")
    with pytest.raises(Permanent):
        press(units, repair, provider)
    with units() as uow:
        attempt = uow.session.scalars(select(Attempt)).one()
        assert (attempt.state, attempt.reason) == ("failed", "no such currency")
    assert press(units, repair, provider).state == "open"


def test_the_round_waits_while_the_provider_is_away(units, repair, provider):
    attempt = press(units, repair, provider)
    provider.pay(attempt.ref)
    later(units, 20)
    provider.cut["before find"] = Temporary("away")
    turn = settling.Round(units, provider)
    assert (turn.run(), turn.run()) == (0, 1)
    check_books(units, repair, provider)


def test_one_that_cannot_be_asked_about_does_not_hold_up_the_others(units, repair, provider):
    with units() as uow:
        other = builders.repair(uow, repair.customer_id, currency="GBP")
    for one in (repair, other):
        provider.pay(press(units, one, provider).ref)
    later(units, 20)
    provider.cut["before find"] = Permanent("no")
    turn = settling.Round(units, provider)
    assert turn.run() == 1
    later(units, 20)
    assert turn.run() == 1


def test_a_replaced_page_that_cannot_be_closed(units, repair, provider):
    """Its money is kept, so the new page opens all the same."""
    old = press(units, repair, provider)
    provider.cut["before expire"] = Uncertain("away")
    with units() as uow:
        new = attempts.begin(uow, repair.id, "deposit", 9900, "GBP", None, None, provider)
    new = checkout.open_page(units, provider, new.id, PAGE)
    assert new.state == "open"
    for ref in (old.ref, new.ref):
        provider.pay(ref)
        hear(units, provider, ref)
    check_books(units, repair, provider)


def test_deaths_at_random(units, repair, provider):
    """60 payments, each cut off at random places until it is through."""
    luck = random.Random(20)
    for _ in range(60):
        for number in range(1, 6):
            if luck.random() < 0.3:
                units.dies[units.count + number] = luck.choice(["before commit", "after commit"])
        if luck.random() < 0.3:
            provider.cut[luck.choice(["before checkout", "after checkout"])] = Killed()
        attempt = survived(press, units, repair, provider)
        if luck.random() < 0.8:
            provider.pay(attempt.ref)
            for _ in range(luck.randint(1, 3)):
                survived(hear, units, provider, attempt.ref)
        else:
            provider.expire(attempt.provider_session_id)
            survived(hear, units, provider, attempt.ref)
    units.dies.clear()
    check_books(units, repair, provider)


def survived(act, *arguments):
    while True:
        try:
            return act(*arguments)
        except Killed:
            continue
