"""What is decided again: after a refusal, after other wishes, after doubt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import requests

from crm.core import outbox
from crm.core.clock import now
from crm.core.events import SYSTEM
from crm.customers import merging
from crm.customers import service as customers
from crm.notifications import again, preferences, service
from crm.notifications.models import Notification
from crm.notifications.rules import Frequency, Hours, Wishes
from crm.quotes import service as quotes
from tests.integration.channels.conftest import Channels
from tests.integration.channels.test_replies_by_text import quote
from tests.integration.channels.test_sms import (  # noqa: F401
    MESSAGES,
    PHONE,
    environ,
    listed,
    taken,
    twilio,
)

ADDRESS = "ilse@example.org"


def _wish(channels: Channels, customer: str, wishes: Wishes) -> None:
    with channels.shop.parts.units() as uow:
        preferences.change(uow, customers.by_ref(uow, customer).id, wishes, SYSTEM)


def _in_some_hours() -> Hours:
    begins = (now() + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    return Hours(begins.time(), (begins + timedelta(hours=1)).time())


def _code(channels: Channels) -> int:
    ref = channels.customer(email=ADDRESS, phone=PHONE)
    with channels.shop.parts.units() as uow:
        told = service.compose(
            uow, "test:code", "verification_code", "Your code is ******", locale="en",
            customer_id=customers.by_ref(uow, ref).id, repair_id=None, hold=timedelta(),
            actor=SYSTEM, deadline_at=uow.now + timedelta(minutes=15),
            sealed_body=channels.shop.parts.seal.close(
                {"to": {"email": ADDRESS}, "text": "Your code is 123456"}
            ),
        )  # fmt: skip
        return told.id


def test_a_code_that_was_refused_goes_nowhere_masked(channels: Channels, twilio):  # noqa: F811
    taken(twilio)
    _code(channels)
    channels.post.at_rcpt = "550 5.1.1 gone"
    channels.settle(2)
    assert len(twilio.calls) == 0
    assert channels.log("channel, state") == [("mail", "failed")]


def test_a_code_that_is_taken_back_is_forgotten(channels: Channels):
    number = _code(channels)
    with channels.shop.parts.units() as uow:
        again.take_back(uow, number, SYSTEM)
    assert channels.log("state, sealed_body, address") == [("cancelled", None, None)]


def test_a_channel_that_is_no_longer_unwanted_is_tried(channels: Channels, twilio):  # noqa: F811
    ref = channels.customer(email=ADDRESS, phone=PHONE)
    _wish(channels, ref, Wishes(blocked=("mail",), hours=_in_some_hours()))
    channels.repair(ref)
    assert channels.log("channel, state") == [("sms", "queued")]
    _wish(channels, ref, Wishes(hours=_in_some_hours()))
    assert channels.log("channel, state, refusals") == [("mail", "queued", {})]


def test_what_waits_for_its_turn_follows_wishes_too(channels: Channels, twilio):  # noqa: F811
    ref = channels.customer(email=ADDRESS)
    channels.repair(ref)
    assert channels.log("channel, state") == [("mail", "queued")]
    _wish(channels, ref, Wishes(frequency=Frequency.ESSENTIAL))
    assert channels.log("channel, state") == [("mail", "skipped")]
    channels.settle()
    assert channels.post.mails == []


def test_a_refused_look_up_leaves_the_doubt(channels: Channels, twilio):  # noqa: F811
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    twilio.get(MESSAGES, status=400, json={"code": 20001, "message": "no"})
    ref = channels.customer(email=ADDRESS, phone=PHONE)
    _wish(channels, ref, Wishes(channels=("sms",)))
    channels.repair(ref)
    channels.settle(2)
    assert channels.log("channel, state, refusals") == [("sms", "failed", {})]
    assert channels.post.mails == []


def test_after_doubt_a_refused_mail_is_passed_to_nobody(channels: Channels, twilio):  # noqa: F811
    taken(twilio)
    ref = channels.customer(email=ADDRESS, phone=PHONE)
    channels.post.plan(ADDRESS, "cut kept")
    channels.repair(ref)
    channels.settle()
    assert len(channels.post.mails) == 1 and channels.effects("state") == [("unsure",)]
    channels.post.at_rcpt = "550 5.7.1 we saw this before"
    channels.settle(3)
    assert len(twilio.calls) == 0
    assert channels.log("channel, state") == [("mail", "failed")]


def test_what_may_have_arrived_is_sent_again_only_when_told_to(channels: Channels, twilio):  # noqa: F811
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    listed(twilio)
    ref = channels.customer(email=ADDRESS, phone=PHONE)
    _wish(channels, ref, Wishes(channels=("sms",)))
    channels.repair(ref)
    channels.settle()
    channels.write("UPDATE outbox SET first_tried_at = first_tried_at - interval '61 minutes'")
    channels.settle(2)
    ((number, state),) = channels.log("id, state")
    path = f"/notifications/{number}/resend"
    refused = channels.shop.call("POST", path, "desk", json={})
    assert (state, refused.status_code, refused.json["code"]) == ("failed", 409, "message-sent")
    assert channels.shop.call("POST", path, "desk", json={"again": True}).status_code == 201


def test_a_reminder_ends_with_its_quote(channels: Channels):
    ref = channels.customer(email=ADDRESS)
    quote(channels, channels.repair(ref))
    _wish(channels, ref, Wishes(hours=_in_some_hours()))
    channels.write("UPDATE quotes SET sent_at = sent_at - interval '3 days'")
    with channels.shop.parts.units() as uow:
        quotes.nudge(uow, 1)
    with channels.shop.parts.units() as uow:
        again.resend(uow, channels.log("id")[1][0], SYSTEM, is_repeat=True)
    waiting = [("quote_reminder", "queued"), ("quote_ready", "queued")]
    assert channels.log("template, state")[2:] == waiting
    with channels.shop.parts.units() as uow:
        quotes.withdraw(uow, 1, SYSTEM)
    assert channels.log("template, state")[1:] == [
        ("quote_ready", "sent"), ("quote_reminder", "cancelled"), ("quote_ready", "cancelled"),
    ]  # fmt: skip


def test_who_refused_marketing_has_refused_it_after_a_merge(channels: Channels):
    theirs, same = channels.customer(email=ADDRESS), channels.customer(phone=PHONE)
    _wish(channels, theirs, Wishes(marketing=False))
    _wish(channels, same, Wishes(hours=_in_some_hours()))
    with channels.shop.parts.units() as uow:
        merging.merge(uow, same, theirs, SYSTEM)
    with channels.shop.parts.units() as uow:
        customer_id = customers.by_ref(uow, same).id
        wishes = preferences.wishes_of(uow, customer_id)
        assert (wishes.marketing, wishes.hours) == (False, _in_some_hours())
        # Something else is chosen: that is no word about marketing.
        preferences.change(uow, customer_id, replace(wishes, hours=None), SYSTEM)
        assert preferences.wishes_of(uow, customer_id).marketing is False


def test_taking_back_and_sending_do_not_wait_for_each_other(channels: Channels):
    channels.repair(channels.customer(email=ADDRESS))
    ((row_id, effect_key),) = channels.effects("id, effect_key")
    ((number,),) = channels.log("id")
    rows = channels.shop.parts.rows()
    worker = threading.Thread(target=rows.work, args=([], [row_id]))
    with channels.shop.parts.units() as uow:
        uow.session.get_one(Notification, number, with_for_update=True)
        worker.start()
        _until(lambda: channels.effects("state") == [("sending",)])
        assert not outbox.cancel(uow, effect_key, "taken back")
    worker.join(10)
    assert channels.log("channel, state") == [("mail", "sent")]
    assert len(channels.post.mails) == 1
    ((named, sent),) = channels.log("external_id, state")
    assert named == channels.post.mails[0]["Message-ID"] and sent == "sent"


def _until(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + 3
    while not happened():
        assert time.monotonic() < ends, "it waits for the lock"
        time.sleep(0.02)
