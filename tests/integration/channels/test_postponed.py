"""A message whose first try failed by day does not ring at night: it waits, and a code does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import responses
from sqlalchemy import text

from crm.core.clock import now
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.notifications import preferences, rulebook
from crm.notifications.rules import Hours, Wishes
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import ENVIRON, MESSAGES, PHONE, asked, taken

MAIL = "ilse@example.org"


@pytest.fixture
def environ() -> dict[str, str]:
    return ENVIRON


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


def busy(line) -> None:
    line.post(MESSAGES, status=429, json={"code": 20429})


def quiet(channels: Channels, hours: Hours | None) -> None:
    """The shop's quiet hours are moved, as the clock would move into them."""
    with channels.shop.parts.units() as uow:
        rulebook.change_quiet_hours(uow, hours, SYSTEM)


def around_now() -> Hours:
    hour = now().replace(minute=0, second=0, microsecond=0)
    return Hours((hour - timedelta(hours=1)).time(), (hour + timedelta(hours=2)).time())


def later(channels: Channels, customer: str) -> datetime:
    """They want messages in an hour of the day that is to come; its beginning."""
    hour = (now() + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    wishes = Wishes(hours=Hours(hour.time(), (hour + timedelta(hours=1)).time()))
    with channels.shop.parts.units() as uow:
        preferences.change(uow, customers.by_ref(uow, customer).id, wishes, SYSTEM)
    return hour


def quietly(channels: Channels, template: str) -> None:
    with channels.shop.parts.units() as uow:
        rulebook.change(uow, template, rulebook.EVERY_LOCALE, is_on=True, is_quiet=True,
                        channels=[], actor=SYSTEM)  # fmt: skip


def due(channels: Channels) -> tuple[str, int, datetime]:
    ((state, attempts, at),) = channels.effects("state, attempts, due_at")
    return state, attempts, at


def next_try(channels: Channels) -> None:
    """The ladder's time, or that of a hold, has come."""
    channels.write("UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL "
                   "WHERE state IN ('pending', 'unsure')")  # fmt: skip
    channels.settle()


@pytest.fixture
def failed_by_day(channels: Channels, twilio) -> None:
    quiet(channels, None)
    quietly(channels, "repair_received")
    busy(twilio)
    channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    assert due(channels)[:2] == ("pending", 1) and len(asked(twilio)) == 1


def test_a_text_tried_again_at_night_waits_for_the_morning(
    channels: Channels, twilio, failed_by_day
):
    quiet(channels, night := around_now())
    next_try(channels)
    assert len(asked(twilio)) == 1, "nobody's telephone rang"
    state, attempts, morning = due(channels)
    assert (state, attempts) == ("pending", 1)
    assert morning.time().replace(microsecond=0) == night.end and morning > now()
    ((log_state, send_at),) = channels.log("state, send_at")
    assert log_state == "queued" and timedelta() <= morning - send_at < timedelta(seconds=1)

    twilio.reset()
    taken(twilio)
    quiet(channels, None)
    next_try(channels)
    assert channels.log() == [("repair_received", "sms", "sent")]


def test_what_comes_too_late_by_the_morning_is_not_sent(channels: Channels, twilio, failed_by_day):
    quiet(channels, around_now())
    next_try(channels)
    channels.write("UPDATE outbox SET deadline_at = clock_timestamp() - interval '1 second'")
    next_try(channels)
    assert channels.log("state, reason") == [("cancelled", "its deadline has passed")]
    assert len(asked(twilio)) == 1


def test_a_text_that_may_ring_does(channels: Channels, twilio, failed_by_day):
    with channels.shop.parts.units() as uow:
        rulebook.reset(uow, "repair_received", rulebook.EVERY_LOCALE, SYSTEM)
    quiet(channels, around_now())
    next_try(channels)
    assert len(asked(twilio)) == 2


def switch_off(channels: Channels, template: str) -> None:
    with channels.shop.parts.units() as uow:
        rulebook.change(uow, template, rulebook.EVERY_LOCALE, is_on=False, is_quiet=False,
                        channels=[], actor=SYSTEM)  # fmt: skip


OFF = "the shop does not send repair_received (en)"


def test_what_is_switched_off_while_it_waits_is_skipped(channels: Channels):
    channels.repair(channels.customer(email=MAIL))
    switch_off(channels, "repair_received")
    next_try(channels)
    assert channels.post.mails == []
    assert channels.log("state, reason") == [("skipped", OFF)]
    assert channels.effects("state, reason") == [("cancelled", f"obsolete: {OFF}")]


def test_what_failed_by_day_may_be_switched_off_too(channels: Channels, twilio, failed_by_day):
    switch_off(channels, "repair_received")
    next_try(channels)
    assert len(asked(twilio)) == 1
    assert channels.log("state, reason") == [("skipped", OFF)]


def test_a_message_somebody_else_holds_is_left_to_them(channels: Channels):
    channels.repair(channels.customer(email=MAIL))
    switch_off(channels, "repair_received")
    with channels.shop.parts.units() as other:
        other.session.execute(text("SELECT 1 FROM notifications FOR UPDATE"))
        next_try(channels)
        assert channels.post.mails == [] and due(channels)[0] == "pending"
    next_try(channels)
    assert channels.log("state, reason") == [("skipped", OFF)]


def test_a_code_is_sent_at_night_too(channels: Channels, twilio):
    quiet(channels, around_now())
    later(channels, channels.customer(phone=PHONE))
    busy(twilio)
    wish = {k: v for k, v in channels.shop.body(phone=PHONE).items() if k != "email"}
    channels.shop.call("POST", "/bookings", json=wish)
    channels.settle()
    # A customer's own booking: their hours hold for everything else.
    channels.write("UPDATE notifications SET customer_id = (SELECT min(id) FROM customers)")
    next_try(channels)
    codes = [one["Body"] for one in asked(twilio)]
    assert len(codes) == 2 and codes[0] == codes[1]
    assert channels.log()[0] == ("verification_code", "sms", "queued")


def test_the_customers_own_hours_hold_for_mail_too(channels: Channels):
    customer = channels.customer(email=MAIL)
    channels.repair(customer)
    # Tried before, so that the changed wish does not decide on it anew.
    channels.write("UPDATE outbox SET first_tried_at = clock_timestamp()")
    hour = later(channels, customer)
    next_try(channels)
    assert channels.post.mails == []
    assert due(channels)[2].replace(microsecond=0) == hour
