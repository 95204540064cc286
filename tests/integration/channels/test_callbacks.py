"""What Twilio tells of a message: in any order, twice, too early, too late, or forged."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from bridge.integrations.twilio import inbound
from bridge.integrations.twilio.inbound import KEY
from crm.core.inbox import InboxRow
from crm.core.integration import Received
from crm.core.outbox import OutboxRow
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification
from tests.integration.channels.conftest import Channels
from tests.standins.twilio.running import PUBLIC, StandIn, running

PHONE = "+447700900123"
STATUSES = ("sent", "delivered", "read", "failed", "undelivered")


@pytest.fixture(scope="module")
def _standing() -> Iterator[StandIn]:
    with running() as stand_in:
        yield stand_in


@pytest.fixture
def environ(_standing: StandIn) -> dict[str, str]:
    return _standing.environ


@pytest.fixture
def twilio(_standing: StandIn, channels: Channels) -> StandIn:
    """Whatever it tells is handled at once, as by another worker."""
    rows = channels.shop.parts.rows()

    def post(path: str, form: dict[str, str], headers: dict[str, str]) -> int:
        http = channels.shop.http.application.test_client()
        answer = http.post(path, data=form, headers=headers).status_code
        due = channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")
        rows.work([row[0] for row in due], [])
        return answer

    _standing.courier.post = post
    _standing.courier.fates.clear()
    _standing.courier.waiting.clear()
    _standing.courier.behave()
    _standing.faults.clear()
    _standing.books.messages.clear()
    _standing.subscribe("")
    return _standing


def customer(channels: Channels, twilio: StandIn, *, by_whatsapp: bool) -> str:
    ref = channels.customer(phone=PHONE)
    if by_whatsapp:
        assert twilio.courier.writes("Hello", "SM0", f"whatsapp:{PHONE}") == 204
    return ref


def hear(uow: UnitOfWork, twilio: StandIn, effect_key: str, status: str) -> None:
    """One callback, without HTTP; those that say nothing new are stored as ignored."""
    form = twilio.courier.status("SM1", status)
    received = Received({}, b"", {}, "192.0.2.1", "req-1", urlencode({KEY: effect_key}))
    delivery = inbound.status(form, received)
    if delivery.handled:
        inbound.status_told(uow, InboxRow(body=delivery.body))
        uow.react()


def expected(heard: set[str]) -> str:
    """However they come: the highest counts, and a failure only below delivered."""
    if "read" in heard:
        return "read"
    if "delivered" in heard:
        return "delivered"
    return "failed" if heard & {"failed", "undelivered"} else "sent"


@pytest.mark.parametrize("by_whatsapp", [False, True], ids=["sms", "whatsapp"])
def test_in_every_order_with_repeats(channels: Channels, twilio: StandIn, by_whatsapp: bool):
    """Of a message by WhatsApp a failure leads to one by SMS, and to no second one.

    `queued` says nothing new wherever it comes, so it is told at a place by chance.
    """
    ref = customer(channels, twilio, by_whatsapp=by_whatsapp)
    twilio.courier.url = None
    channels.repair(ref)
    channels.settle()
    dice = random.Random(5)
    with channels.shop.parts.units.rehearse() as uow:
        told = uow.session.scalars(select(Notification)).one()
        key = told.effect_key
        for order in itertools.permutations(STATUSES):
            news = list(order)
            for again in (*dice.sample(order, 2), "queued"):
                news.insert(dice.randint(0, len(news)), again)
            before: set[str] = set()
            point = uow.session.begin_nested()
            for status in news:
                hear(uow, twilio, key, status)
                before.add(status)
                is_passed_on = by_whatsapp and expected(before) == "failed"
                wanted = ("sms", "queued") if is_passed_on else (told.channel, expected(before))
                assert (told.channel, told.state) == wanted, (news, before)
            later = list(uow.session.scalars(select(OutboxRow).where(OutboxRow.effect_key != key)))
            assert {row.state for row in later} <= {"cancelled"} and len(later) <= by_whatsapp
            point.rollback()


def test_a_failure_that_outruns_the_answer_to_its_request(channels: Channels, twilio: StandIn):
    """SMS has the message by then, so the answer by WhatsApp is no news of it any more."""
    ref = customer(channels, twilio, by_whatsapp=True)
    twilio.courier.outruns = True
    twilio.courier.fates[f"whatsapp:{PHONE}"] = ("queued", "failed:63016")
    channels.repair(ref)
    channels.shop.parts.rows().work([], [row[0] for row in channels.effects("id")])
    (by_whatsapp,) = twilio.books.to(PHONE, "whatsapp:")
    ((channel, state, external_id),) = channels.log("channel, state, external_id")
    assert (channel, state) == ("sms", "queued") and external_id != by_whatsapp["sid"]
    channels.settle(2)
    (by_sms,) = twilio.books.to(PHONE)
    assert channels.log("channel, state, external_id") == [("sms", "delivered", by_sms["sid"])]
    assert len(twilio.books.messages) == 2


def test_a_delivery_that_outruns_the_answer_to_its_request(channels: Channels, twilio: StandIn):
    ref = customer(channels, twilio, by_whatsapp=False)
    twilio.courier.outruns = True
    channels.repair(ref)
    channels.settle()
    assert channels.log("channel, state, reason") == [("sms", "delivered", "proven phone")]
    assert channels.effects("state") == [("done",)]


def test_one_that_is_doubled_counts_once(channels: Channels, twilio: StandIn):
    twilio.courier.doubles, twilio.courier.shuffles = 1, True
    channels.repair(customer(channels, twilio, by_whatsapp=False))
    channels.settle()
    assert twilio.courier.deliver() == [204] * 6
    assert channels.log("state") == [("delivered",)]
    statuses = "SELECT count(*) FROM inbox WHERE type = 'message.status'"
    assert channels.shop.rows(statuses) == [(3,)]


def test_a_forged_one_changes_nothing_even_under_a_real_name(channels: Channels, twilio: StandIn):
    twilio.courier.fates[PHONE] = ()
    channels.repair(customer(channels, twilio, by_whatsapp=False))
    channels.settle()
    (sent,) = twilio.books.messages
    callback = twilio.books.callbacks[sent["sid"]]
    form = twilio.courier.status(sent["sid"], "failed", "30005")
    other = twilio.courier._validator.compute_signature(callback.replace("key=", "key=x"), form)
    for signature in (other, "", "=", "ü" * 28, "x" * 10_000):
        assert twilio.courier.send(callback, form, signature=signature or " ") == 401
    assert channels.log("state") == [("sent",)]
    assert channels.shop.rows("SELECT count(*) FROM text_numbers") == [(0,)]
    assert twilio.courier.send(callback, form) == 204
    assert channels.log("state") == [("failed",)]


def test_one_for_a_message_of_another_kind_changes_nothing(channels: Channels, twilio: StandIn):
    """An effect key that is ours, but of an e-mail."""
    channels.repair(channels.customer(email="ilse@example.org"))
    channels.settle()
    ((key, state),) = channels.effects("effect_key, state")
    address = f"{PUBLIC}/webhooks/twilio/status?key={key}"
    assert twilio.courier.send(address, twilio.courier.status("SM1", "failed", "30005")) == 204
    assert channels.effects("effect_key, state") == [(key, state)]
    assert channels.log("channel, state") == [("mail", "sent")]


@pytest.mark.parametrize("field", ["MessageSid", "MessageStatus", "ErrorCode", "To"])
def test_hostile_values(channels: Channels, twilio: StandIn, field: str):
    twilio.courier.fates[PHONE] = ()
    channels.repair(customer(channels, twilio, by_whatsapp=False))
    channels.settle()
    (sent,) = twilio.books.messages
    callback = twilio.books.callbacks[sent["sid"]]
    for value in ("x" * 10_000, "😀", "\u202eabc", "<script>", "{{7*7}}", "a\0b", "", "\r\nX: y"):
        form = twilio.courier.status(sent["sid"], "sent") | {field: value}
        assert twilio.courier.send(callback, form) == 204
    states = {row[0] for row in channels.shop.rows("SELECT state FROM inbox")}
    assert states <= {"done", "ignored"}
    assert channels.log("channel, state") == [("sms", "sent")]
