"""Card payments under every fault: killed at any step, and 500 afternoons of disorderly news.

Afterwards each effect was charged once at most, and our ledger is what the stand-in's books say.
FAULT_SEED=17 plays just one seed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

import app as composition
from bridge.integrations.stripe import integration
from bridge.integrations.stripe.reconcile import Reconcile
from bridge.settings import load
from crm.core import inbox, outbox
from crm.core.errors import Outward, Permanent, Refusal
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.integration import Received
from crm.core.outbox import Effect, OutboxRow
from crm.core.uow import UnitOfWork, Units
from crm.payments import posting, refunds
from crm.payments.models import Attempt, Payment
from crm.payments.refunds import NewRefund
from crm.repairs.models import Repair
from jobs import leases
from tests.standins.stripe.books import Refusal as Closed
from tests.standins.stripe.running import InProcess, made
from tests.till import Till

SEEDS = [int(os.environ["FAULT_SEED"])] if "FAULT_SEED" in os.environ else list(range(500))
TOGETHER = 50
ENVIRON = {
    "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    "HOLD_SECONDS": "0",
    "SETTLE_SECONDS": "0",
    "RETRY_LADDER": ",".join(["60"] * 12),
}
DESK = Actor("staff", "desk", "1")
MARK, EFFECT = "mendline_attempt", "mendline_effect"


class Killed(BaseException):
    """The process is gone; nobody catches this."""


class Steps:
    """Counts what becomes durable or leaves the process, and kills at the one it is set to."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self, *_: object) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left == 0:
            self.left = None
            raise Killed


class Line(InProcess):
    def __init__(self, app: Any, steps: Steps):
        super().__init__(app)
        self._steps = steps

    def request(self, *args: Any, **how: Any) -> Any:
        self._steps.step()
        answer = super().request(*args, **how)
        self._steps.step()
        return answer


@dataclasses.dataclass
class Shop(Till):
    """The till without its HTTP edge: what is posted meets the same proof and the same inbox."""

    steps: Steps = dataclasses.field(default_factory=Steps)

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.cards,) = (one for one in self.parts.integrations if one.name == "stripe")
        self.client = self.provider._client

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        received = Received(headers, body, {}, "192.0.2.1", "req")
        try:
            delivery = self.cards.endpoints[0].verify(received)
        except Refusal as refusal:
            return refusal.status
        with self.units() as uow:
            return 202 if inbox.store(uow, delivery).is_new else 200

    def restart(self) -> None:
        """A new process, once the leases of the killed one have run out; then all is worked off."""
        self.steps.left = None
        with self.units() as uow:
            for table in ("inbox", "outbox"):
                uow.session.execute(text(
                    f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 second' "
                    "WHERE lease_until IS NOT NULL"))  # fmt: skip
        leases.expire(self.units, 0.0)
        self.hasten()

    def give_back(self, repair: Repair, amount: int) -> str | None:
        """Ask for a refund; its effect key, None when there is not so much."""
        with self.units() as uow:
            payment = uow.session.scalar(select(Payment).where(Payment.repair_id == repair.id))
            if payment is None:
                return None
            new = NewRefund(payment.ref, "asked for", amount)
            try:
                with uow.session.begin_nested():
                    return refunds.request(uow, self.parts.shop, new, DESK).effect_key
            except Refusal:
                return None

    def reconcile(self) -> int:
        return Reconcile(self.client, self.units, self.later).run().found

    def wrong(self) -> list[str]:
        """What does not agree between us and the stand-in, one sentence each."""
        books = self.stripe.books
        # A refund Stripe refuses has told staff, and ends so.
        found = [str(row) for row in self.unfinished()
                 if row[1:3] != ("stripe.refund", "dead")]  # fmt: skip
        for account, ours, theirs in (
            ("card", self.account("card"), books.balance()),
            ("fees", self.account("fees"), books.fees()),
        ):
            if ours != theirs:
                found.append(f"{account}: {ours} here, {theirs} there")
        found += [f"attempt {ref} was charged {count} times"
                  for ref, count in books.times_paid(MARK).items() if count > 1]  # fmt: skip
        here = dict(self.table(
            "SELECT 'refund:' || id, amount_minor FROM refunds WHERE state = 'done'"
        ))  # fmt: skip
        there = {key: amount for key, amount in books.refunded(EFFECT).items() if key}
        if here != there:
            found.append(f"refunds: {here} here, {there} there")
        if self.one("SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries"):
            found.append("the ledger does not add up to zero")
        return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Before and after each commit; `Line` adds before and after each call."""
    counter, commit = Steps(), PGDialect_psycopg.do_commit

    def counted(self: PGDialect_psycopg, connection: Any) -> None:
        counter.step()
        commit(self, connection)
        counter.step()

    monkeypatch.setattr(PGDialect_psycopg, "do_commit", counted)
    return counter


@contextlib.contextmanager
def opened(db: str, state_dir: Path, steps: Steps, *, alone: bool = False) -> Iterator[Shop]:
    """alone: only the ledger reacts to what happens, which is much quicker."""
    stripe = made()
    settings = load(ENVIRON | stripe.environ | {"STATE_DIR": str(state_dir)})
    parts = composition.compose(settings, db, None)
    units = Units(parts.engine, posting.table()) if alone else parts.units
    cards = integration.build(settings.stripe, units, 5, Line(stripe.app, steps))
    others = tuple(one for one in parts.integrations if one.name != "stripe")
    parts = dataclasses.replace(
        parts, units=units, integrations=(*others, cards.integration), payments=cards.provider
    )
    yield Shop(parts, stripe, http=None, steps=steps)  # type: ignore[arg-type]
    parts.engine.dispose()


@pytest.fixture
def shop(db: str, tmp_path: Path, steps: Steps) -> Iterator[Shop]:
    with opened(db, tmp_path, steps) as whole:
        yield whole


@pytest.fixture
def ledger(db: str, tmp_path: Path) -> Iterator[Shop]:
    with opened(db, tmp_path, Steps(), alone=True) as alone:
        yield alone


# -- killed between every two steps


def killed_at_each_step(shop: Shop, act: Callable[[int], None], mend: Callable[[], None]) -> int:
    """Play `act` once for each of its steps, killed there; then mend and compare. How many."""
    for number in range(1, 500):
        shop.steps.left = number
        try:
            act(number)
        except Killed:
            shop.restart()
            mend()
            assert shop.wrong() == [], f"killed at step {number}"
            continue
        shop.steps.left = None
        return number - 1
    raise AssertionError("it never ends")


def test_killed_in_a_checkout(shop: Shop):
    repairs: list[Repair] = []

    def act(number: int) -> None:
        if len(repairs) < number:
            shop.steps.left, left = None, shop.steps.left
            repairs.append(shop.repair())
            shop.steps.left = left
        shop.open(repairs[-1])

    def mend() -> None:
        """The customer clicks again, pays on that page, and on the page they had before."""
        shop.open(repairs[-1])
        for session in shop.stripe.books.all("checkout.session"):
            if session["status"] == "open":
                shop.stripe.books.pay(session["id"])
        shop.hear()

    assert killed_at_each_step(shop, act, mend) >= 6
    assert len(shop.stripe.books.all("checkout.session")) == len(repairs)


def test_killed_while_hearing_of_a_payment(shop: Shop):
    def act(number: int) -> None:
        shop.steps.left, left = None, shop.steps.left
        attempt = shop.open(shop.repair())
        shop.stripe.books.pay(attempt.provider_session_id)
        kept = [one for one in shop.stripe.courier.waiting
                if one["type"] == "checkout.session.completed"]  # fmt: skip
        shop.stripe.courier.waiting[:] = []
        shop.steps.left = left
        for event in kept:
            shop.stripe.courier.send(event)
        shop.work()

    def mend() -> None:
        shop.reconcile()
        shop.work()

    assert killed_at_each_step(shop, act, mend) >= 15


def test_killed_in_a_refund(shop: Shop):
    def act(number: int) -> None:
        shop.steps.left, left = None, shop.steps.left
        repair = shop.repair()
        shop.stripe.books.pay(shop.open(repair).provider_session_id)
        shop.hear()
        shop.steps.left = left
        shop.give_back(repair, 1500)
        shop.work()

    def mend() -> None:
        shop.hear()

    assert killed_at_each_step(shop, act, mend) >= 8
    asked = shop.one("SELECT count(*) FROM refunds")
    assert shop.stripe.books.refunded(EFFECT).total() == 1500 * asked


# -- disorder


class Quick:
    """Runs rows as the workers do, but each in one unit of work and without a lease."""

    def __init__(self, shop: Shop):
        self._shop = shop
        self._handlers = shop.cards.handlers
        self._deliverers = shop.cards.deliverers

    def work(self) -> None:
        units = self._shop.units
        with units() as uow:
            for row in uow.session.scalars(
                select(InboxRow).where(InboxRow.state == inbox.PENDING).order_by(InboxRow.id)
            ):
                self._handlers[row.source, row.type](uow, row)
                row.state = inbox.DONE
        with units() as uow:
            due = uow.session.scalars(
                select(OutboxRow).where(OutboxRow.kind.like("stripe.%"),
                                        OutboxRow.state.in_((outbox.PENDING, outbox.UNSURE)))
                .order_by(OutboxRow.id)
            ).all()  # fmt: skip
        for row in due:
            self._deliver(row)

    def _deliver(self, row: OutboxRow) -> None:
        deliverer = self._deliverers[row.kind]
        with self._shop.units() as uow:
            if row.first_tried_at is None:
                row.first_tried_at = uow.now
                uow.session.merge(row)
        effect = Effect(row.id, row.kind, row.mode, row.effect_key, row.body,
                        first_tried_at=row.first_tried_at)  # fmt: skip
        try:
            result = deliverer.look_up(effect) if row.state == outbox.UNSURE else None
            result = result or deliverer.deliver(effect)
        except Permanent as error:
            with self._shop.units() as uow:
                deliverer.on_dead(uow, effect, error.detail)
                self._write(uow, row, outbox.DEAD)
            return
        except Outward:
            self._mark(row, outbox.UNSURE if row.mode == outbox.SEND else outbox.PENDING)
            return
        with self._shop.units() as uow:
            deliverer.on_done(uow, effect, result)
            self._write(uow, row, outbox.DONE)

    def _mark(self, row: OutboxRow, state: str) -> None:
        with self._shop.units() as uow:
            self._write(uow, row, state)

    @staticmethod
    def _write(uow: UnitOfWork, row: OutboxRow, state: str) -> None:
        row.state = state
        uow.session.merge(row)


def afternoon(shop: Shop, dice: random.Random) -> None:
    """One repair's money, with news late, doubled, lost and out of order."""
    books, courier, quick = shop.stripe.books, shop.stripe.courier, Quick(shop)
    courier.dice = dice
    courier.doubles, courier.drops = dice.choice((0, 0.3)), dice.choice((0, 0, 0.4))
    courier.shuffles = dice.random() < 0.5
    books.slow_refunds, books.late_fees = dice.random() < 0.3, dice.random() < 0.2
    repair = shop.repair()
    if dice.random() < 0.5:
        shop.invoice(repair, 6000)
    for _ in range(dice.randint(3, 7)):
        if dice.random() < 0.2:
            shop.stripe.faults.plan(dice.choice(("500", "500 saved", "lost", "429")),
                                    method=dice.choice(("GET", "POST")))  # fmt: skip
        dice.choice((open_page, pay, pay, decline, wait_for_bank, give_back, hear, fight))(
            shop, repair, dice, quick
        )
    shop.stripe.faults.clear()
    settle(shop, quick, dice)


def open_page(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    with contextlib.suppress(Outward, Refusal):  # the customer is told to try again
        shop.open(repair, dice.choice((4500, 4500, 3000)))


def pay(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    """On any page they have ever seen."""
    open_page(shop, repair, dice, quick)
    act = dice.choice((shop.stripe.books.pay, shop.stripe.books.pay,
                       shop.stripe.books.pay_slowly))  # fmt: skip
    for session_id in sessions(shop, repair):
        try:
            act(session_id)
        except Closed:
            continue
        return


def decline(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    for session_id in sessions(shop, repair):
        try:
            shop.stripe.books.decline(session_id)
        except Closed:
            continue


def wait_for_bank(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    for payment in shop.stripe.books.all("payment_intent"):
        if payment["status"] == "processing":
            shop.stripe.books.clear(payment["id"], paid=dice.random() < 0.7)


def give_back(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    hear(shop, repair, dice, quick)
    shop.give_back(repair, dice.choice((500, 1000, 4500)))
    quick.work()


def fight(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    """A bank asks for a payment back, or goes on with it."""
    books = shop.stripe.books
    for dispute in books.all("dispute"):
        if dispute["status"] == "needs_response" and dice.random() < 0.5:
            books.answer_dispute(dispute["id"])
        if dispute["status"] == "under_review" and dice.random() < 0.5:
            books.close_dispute(dispute["id"], won=dice.random() < 0.5)
    for charge in books.all("charge")[:1]:
        if charge["status"] == "succeeded" and not charge["disputed"]:
            books.dispute(charge["id"])


def hear(shop: Shop, repair: Repair, dice: random.Random, quick: Quick) -> None:
    shop.stripe.courier.deliver(dice.choice((None, 1, 3)))
    quick.work()


def sessions(shop: Shop, repair: Repair) -> list[str]:
    with shop.units() as uow:
        query = select(Attempt.provider_session_id).where(Attempt.repair_id == repair.id)
        return [one for one in uow.session.scalars(query.order_by(Attempt.id)) if one]


def settle(shop: Shop, quick: Quick, dice: random.Random) -> None:
    """All that is left comes to its end; what was lost is found by asking."""
    books = shop.stripe.books
    wait_for_bank(shop, None, dice, quick)  # type: ignore[arg-type]
    for charge in books.all("charge"):
        if charge["status"] == "succeeded" and charge["balance_transaction"] is None:
            books.book(charge["id"])
    shop.stripe.courier.deliver()
    for _ in range(3):
        quick.work()
    for refund in books.all("refund"):
        if refund["status"] == "pending":
            books.end_refund(refund["id"],
                             failure=dice.choice((None, None, "lost_or_stolen_card")))  # fmt: skip
    shop.stripe.courier.deliver()
    shop.reconcile()
    for _ in range(3):
        quick.work()


@pytest.mark.parametrize("first", SEEDS[::TOGETHER])
def test_disorder(ledger: Shop, first: int):
    for seed in SEEDS[SEEDS.index(first) : SEEDS.index(first) + TOGETHER]:
        afternoon(ledger, random.Random(seed))
        wrong = ledger.wrong()
        assert not wrong, "\n".join([f"FAULT_SEED={seed}", *wrong])
        ledger.stripe.books.objects["event"].clear()
    assert ledger.stripe.books.balance() > 0
