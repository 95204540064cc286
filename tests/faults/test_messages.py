"""SMS, WhatsApp and e-mail while the worker dies and the other side fails around each send.

A text goes once for each effect; an e-mail may cost one extra copy per crash, under the same
Message-ID; every message ends as sent or with a reason. FAULT_SEEDS=200 plays more deaths;
FAULT_SEED=17 plays just one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import post
from tests.conftest import private_stores
from tests.faults.messaging import MAIL, SMS, WHATSAPP, Customer, Shop
from tests.standins.twilio.running import running as twilio_running

SEEDS = int(os.environ.get("FAULT_SEEDS", "6"))
TOGETHER = 10
ONE = os.environ.get("FAULT_SEED")
CHANNELS = (SMS, WHATSAPP, MAIL)
# How many steps the worker takes for one message by each channel, and for what is told of them.
WORKER_STEPS = 70
FUSE_SECONDS = 10.0


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        private_stores(durable=True) as stores,
        twilio_running() as twilio,
        post.opened() as office,
    ):
        if stores.redis_url is None:
            pytest.skip("this machine has no Redis")
        shop = Shop(stores, Path(tmp_path_factory.mktemp("shop")), twilio, office)
        try:
            shop.open()
            yield shop
        finally:
            shop.close()


@pytest.fixture
def shop(opened: Shop) -> Iterator[Shop]:
    opened.heal()
    opened.wait_ready()
    opened.end_breaks()
    yield opened
    opened.disarm("worker")
    opened.twilio.faults.clear()
    opened.twilio.courier.behave()
    opened.post.behave()


def settle(shop: Shop) -> None:
    shop.heal()
    shop.rest()
    assert shop.wrong() == []


def groups() -> list[range]:
    if ONE:
        return [range(int(ONE), int(ONE) + 1)]
    return [range(at, min(at + TOGETHER, SEEDS)) for at in range(0, SEEDS, TOGETHER)]


@pytest.mark.parametrize("seeds", groups(), ids=lambda g: f"{g[0]}-{g[-1]}")
def test_killed_at_any_step(shop: Shop, seeds: range) -> None:
    people = [[shop.customer(channel) for channel in CHANNELS] for _ in seeds]
    blown = sum(
        play(shop, three, random.Random(seed)) for seed, three in zip(seeds, people, strict=True)
    )
    settle(shop)
    assert blown >= len(seeds) * 0.7, f"only {blown} fuses blew"


def play(shop: Shop, people: list[Customer], dice: random.Random) -> bool:
    """A message by each channel while the worker dies. Whether it did die."""
    courier = shop.twilio.courier
    courier.drops, courier.doubles = dice.choice((0, 0, 1)), dice.choice((0, 0.5))
    courier.shuffles, courier.outruns = dice.random() < 0.5, dice.random() < 0.2
    shop.arm("worker", dice.randint(1, WORKER_STEPS))
    for customer in dice.sample(people, len(people)):
        shop.tell(customer)
    deadline = time.monotonic() + FUSE_SECONDS
    while (shop.fuses / "worker").exists() and time.monotonic() < deadline and not shop.is_quiet():
        time.sleep(0.02)
    blown = shop.disarm("worker")
    if blown:
        shop.processes["worker"].wait(5)
        shop.heal()
    return blown


@pytest.mark.parametrize("moment", ["kill", "kill saved"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_killed_while_the_other_side_has_it_in_hand(shop: Shop, channel: str, moment: str) -> None:
    """Nobody tells us of it either, so only looking stands between the customer and a double."""
    shop.twilio.courier.drops = 1
    customer = shop.customer(channel)
    if channel == MAIL:
        shop.post.plan(customer.to, moment.replace("saved", "kept"))
    else:
        shop.twilio.faults.plan(moment, to=customer.to)
    shop.tell(customer)
    shop.processes["worker"].wait(10)
    shop.heal()
    shop.rest()
    (told,) = shop.log(customer)
    is_doubled = channel == MAIL and moment == "kill saved"
    assert (told.state, shop.copies(customer)) == ("sent", 2 if is_doubled else 1)
    assert shop.wrong() == []


def test_what_twilio_answers(shop: Shop) -> None:
    """Without callbacks: in doubt the list of what was sent decides."""
    shop.twilio.courier.drops = 1
    faults = ("429", "500", "500 saved", "lost", "reset", "reset saved")
    people = [(shop.customer(channel), one) for one in faults for channel in (SMS, WHATSAPP)]
    for number, (customer, fault) in enumerate(people):
        shop.twilio.faults.plan(fault, to=customer.to)
        shop.tell(customer)
        if number == len(people) // 2:  # five faults in a row would open the breaker
            shop.rest()
    shop.rest()
    assert shop.twilio.faults.is_over
    for customer, fault in people:
        (told,) = shop.log(customer)
        assert (fault, told.state, shop.copies(customer)) == (fault, "sent", 1)
    assert shop.wrong() == []


def test_a_look_that_fails_is_no_proof_of_absence(shop: Shop) -> None:
    """Nor does doubt pass a message on: the WhatsApp customer has a number for SMS too."""
    shop.twilio.courier.drops = 1
    people = [shop.customer(channel) for channel in (SMS, WHATSAPP)]
    for customer, fault in zip(people, ("500 saved", "lost"), strict=True):
        shop.twilio.faults.plan(fault, to=customer.to)
        for unheard in ("500", "reset"):
            shop.twilio.faults.plan(unheard, to=customer.to, method="GET")
        shop.tell(customer)
    shop.rest()
    assert shop.twilio.faults.is_over
    for customer in people:
        (told,) = shop.log(customer)
        assert (told.channel, told.state, told.refusals) == (customer.channel, "sent", {})
        assert shop.copies(customer) == 1
    assert shop.twilio.books.to(people[1].to) == []
    assert shop.wrong() == []


def test_what_the_mail_server_answers(shop: Shop) -> None:
    faults = {"421 4.3.2 closing": 1, "451 4.7.1 later": 1, "cut": 1, "cut kept": 2, "slow kept": 2}
    people = {fault: shop.customer(MAIL) for fault in faults}
    for number, (fault, customer) in enumerate(people.items()):
        shop.post.plan(customer.to, fault)
        shop.tell(customer)
        if number == 2:
            shop.rest()
    shop.rest()
    for fault, customer in people.items():
        (told,) = shop.log(customer)
        mails = shop.post.to(customer.to)
        assert (fault, told.state, len(mails)) == (fault, "sent", faults[fault])
        assert len({mail["Message-ID"] for mail in mails}) == 1
    assert shop.wrong() == []


@pytest.mark.parametrize("step", [11, 12, 13])
def test_killed_between_a_refusal_and_the_next_channel(shop: Shop, step: int) -> None:
    """Mail refuses for good, WhatsApp says the window is closed, SMS takes it: once."""
    customer = shop.customer(WHATSAPP, email=f"gone{step}@example.org")
    shop.post.plan(f"gone{step}@example.org", *["550 5.1.1 no such user"] * 3)
    shop.twilio.courier.fates[f"whatsapp:{customer.to}"] = ("queued", "sent", "undelivered:63016")
    # Its 550 is heard at the eleventh; before and after the next commit it is written down.
    shop.arm("worker", step)
    shop.tell(customer)
    shop.processes["worker"].wait(10)
    settle(shop)
    (told,) = shop.log(customer)
    assert (told.channel, told.state) == (SMS, "delivered")
    assert list(told.refusals) == [MAIL, WHATSAPP]
    assert shop.post.to(f"gone{step}@example.org") == []
    assert len(shop.twilio.books.to(customer.to)) == 1
    assert len(shop.twilio.books.to(customer.to, "whatsapp:")) == 1


def test_told_by_phone_before_the_answer(shop: Shop) -> None:
    """Every callback comes before the answer to the request that caused it; then the answer is lost."""
    shop.twilio.courier.outruns = True
    people = [shop.customer(channel) for channel in (SMS, WHATSAPP)]
    for customer in people:
        shop.twilio.faults.plan("reset saved", to=customer.to)
        shop.tell(customer)
    shop.rest()
    for customer in people:
        assert [told.state for told in shop.log(customer)] == ["delivered"]
        assert shop.copies(customer) == 1
    assert shop.wrong() == []
