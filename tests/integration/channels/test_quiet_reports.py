"""A shop system reports in batches, at night too: no telephone rings for what nobody has just done."""

from __future__ import annotations

from datetime import timedelta

import pytest
import responses

from crm.core.clock import now
from crm.core.events import SYSTEM, Actor
from crm.notifications import again, rulebook
from crm.notifications.rules import Hours
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.builders import STAFF
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import ENVIRON, MESSAGES, PHONE, asked, taken

TILL = Actor("shop", "till", "1")


@pytest.fixture
def environ() -> dict[str, str]:
    return ENVIRON


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        taken(line)
        yield line


def night(channels: Channels, *, falls: bool) -> Hours:
    hour = now().replace(minute=0, second=0, microsecond=0)
    hours = Hours((hour - timedelta(hours=1)).time(), (hour + timedelta(hours=2)).time())
    with channels.shop.parts.units() as uow:
        rulebook.change_quiet_hours(uow, hours if falls else None, SYSTEM)
    return hours


def report(channels: Channels, ref: str, status: RepairStatus, by: Actor = TILL) -> None:
    with channels.shop.parts.units() as uow:
        news = StatusNews(status, by_staff=by is not TILL)
        repairs.change_status(uow, Address(ref=ref), news, by)
    channels.settle()


@pytest.fixture
def ref(channels: Channels, twilio) -> str:
    night(channels, falls=False)
    ref = channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    assert len(asked(twilio)) == 1
    return ref


def test_what_a_machine_reports_waits_for_the_morning(channels: Channels, twilio, ref: str):
    hours = night(channels, falls=True)
    report(channels, ref, RepairStatus.DIAGNOSING)
    assert len(asked(twilio)) == 1
    state, send_at, reason = channels.log("state, send_at, reason")[-1]
    assert state == "queued" and send_at.time() == hours.end and send_at > now()
    assert "waits for the quiet hours to end" in reason


def test_what_a_person_has_just_done_is_told_at_once(channels: Channels, twilio, ref: str):
    night(channels, falls=True)
    report(channels, ref, RepairStatus.DIAGNOSING, STAFF)
    assert len(asked(twilio)) == 2


def test_it_is_asked_again_before_every_try(channels: Channels, twilio, ref: str):
    twilio.replace(responses.POST, MESSAGES, status=429, json={"code": 20429})
    report(channels, ref, RepairStatus.DIAGNOSING)
    assert len(asked(twilio)) == 2
    night(channels, falls=True)
    channels.settle(rounds=2)
    assert len(asked(twilio)) == 2


def test_sent_again_by_a_person_it_is_theirs(channels: Channels, twilio, ref: str):
    night(channels, falls=True)
    report(channels, ref, RepairStatus.DIAGNOSING)
    number = channels.log("id")[-1][0]
    with channels.shop.parts.units() as uow:
        again.take_back(uow, number, STAFF)
        again.resend(uow, number, STAFF)
    channels.settle()
    assert len(asked(twilio)) == 2


def test_what_makes_no_sound_does_not_wait(channels: Channels, twilio):
    night(channels, falls=True)
    ref = channels.repair(channels.customer(email="ilse@example.org"))
    report(channels, ref, RepairStatus.DIAGNOSING)
    assert len(channels.post.mails) == 2
