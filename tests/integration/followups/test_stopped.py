"""What is written and waits to leave is stopped with its message; sent again, it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm.core.clock import now
from crm.core.events import SYSTEM, Actor
from crm.notifications import again, preferences
from crm.notifications.rules import Hours, Wishes
from crm.repairs import service as repairs
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag
from tests import builders
from tests.integration.followups.conftest import After
from tests.integration.intake.acts import move

ROSA = Actor("staff", "Rosa", "1")


@pytest.fixture
def waiting(delivered) -> After:
    """Both are written, and wait for the hours the customer named."""
    begins = (now() + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    hours = Hours(begins.time(), (begins + timedelta(hours=1)).time())
    with delivered.service.units() as uow:
        preferences.change(uow, customer_id(delivered), Wishes(hours=hours), SYSTEM)
    delivered.due()
    delivered.due("review_request")
    assert delivered.round() == 2
    assert {state for _, state in delivered.states()} == {"scheduled"}
    assert messages(delivered) == {("survey", "queued"), ("review_request", "queued")}
    return delivered


def customer_id(after: After) -> int:
    return after.service.one("SELECT DISTINCT customer_id FROM follow_ups")


def messages(after: After) -> set[tuple[str, str]]:
    rows = after.service.table(
        "SELECT template, state FROM notifications WHERE template IN ('survey', 'review_request')"
    )
    return {tuple(row) for row in rows}


def new_repair(after: After) -> None:
    with after.service.units() as uow:
        builders.repair(uow, customer_id(after))


def leave(after: After) -> None:
    """The hours have come."""
    after.write("UPDATE communication_preferences SET hours_from = NULL, hours_to = NULL")
    after.write(
        "UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL WHERE state = 'pending'"
    )
    after.service.settle()
    after.round()


def test_a_new_repair_stops_what_waits_to_leave(waiting):
    new_repair(waiting)
    waiting.round()
    assert {state for _, state in waiting.states()} == {"cancelled"}
    assert messages(waiting) == {("survey", "cancelled"), ("review_request", "cancelled")}
    leave(waiting)
    assert waiting.asked() == waiting.asked("short review") == []


def test_what_is_just_leaving_when_the_customer_comes_back_has_left(waiting):
    waiting.write("UPDATE outbox SET first_tried_at = clock_timestamp() WHERE state = 'pending'")
    new_repair(waiting)
    waiting.round()
    assert {state for _, state in waiting.states()} == {"scheduled"}
    assert messages(waiting) == {("survey", "queued"), ("review_request", "queued")}
    waiting.write("UPDATE notifications SET state = 'sent', settled_at = clock_timestamp()")
    waiting.round()
    waiting.round()
    assert {state for _, state in waiting.states()} == {"completed"}


def test_a_correction_stops_it_and_the_next_handing_over_plans_anew(waiting, bench):
    assert move(bench, waiting.ref, "testing", reason="wrong button").status_code == 201
    assert {state for _, state in waiting.states()} == {"cancelled"}
    assert messages(waiting) == {("survey", "cancelled"), ("review_request", "cancelled")}
    leave(waiting)
    assert waiting.asked() == []
    move(bench, waiting.ref, "ready_pickup")
    assert move(bench, waiting.ref, "delivered").status_code == 201
    assert {state for _, state in waiting.states()} == {"pending"}
    waiting.due(days=0.1)
    assert waiting.round() == 1 and len(waiting.asked()) == 1


def test_planned_anew_for_the_same_moment_it_is_written_anew(delivered, bench):
    """Evenings are moved to the same hour; the first one was written and taken back."""
    at = "UPDATE follow_ups SET due_at = date_trunc('hour', now()) WHERE kind = 'survey'"
    delivered.write(at)
    delivered.hand_on()
    delivered.compose()
    move(bench, delivered.ref, "testing", reason="wrong button")
    move(bench, delivered.ref, "ready_pickup")
    move(bench, delivered.ref, "delivered")
    delivered.write(at)
    # The next day, or it was handed on already.
    delivered.write("DELETE FROM inbox WHERE sender = 'follow-ups'")
    assert delivered.round() == 1 and len(delivered.asked()) == 1


def test_nobody_is_asked_what_they_have_answered(waiting):
    assert waiting.answer(rating=5).status_code == 303
    assert waiting.state() == "completed" and waiting.state("review_request") == "scheduled"
    assert messages(waiting) == {("survey", "cancelled"), ("review_request", "queued")}
    leave(waiting)
    assert waiting.asked() == [] and len(waiting.asked("short review")) == 1


def refused(after: After) -> int:
    """Every channel refused the survey; the number of the message."""
    after.due()
    after.round()
    after.write(
        "UPDATE notifications SET state = 'failed', reason = 'permanent: no' "
        "WHERE template = 'survey'"
    )
    after.round()
    assert after.states("state, reason")[0:2].count(("failed", "permanent: no")) == 1
    return after.service.one("SELECT id FROM notifications WHERE template = 'survey'")


def resend(after: After, number: int, *, is_repeat: bool = False) -> None:
    with after.service.units() as uow:
        again.resend(uow, number, ROSA, is_repeat=is_repeat)
    after.service.settle()


def test_sent_again_it_was_sent_and_goes_on(delivered):
    number = refused(delivered)
    # Who sends it knows what happened since.
    new_repair(delivered)
    resend(delivered, number)
    delivered.round()
    assert delivered.state() == "sent"
    delivered.round()
    assert delivered.state() == "sent"
    delivered.answer(rating=5)
    assert delivered.state() == "completed"
    resend(delivered, number, is_repeat=True)
    delivered.round()
    assert delivered.state() == "completed"


@pytest.mark.parametrize("key", [None, "follow-up:1:1"])
def test_an_older_message_sent_again_is_not_what_carries_it_now(delivered, key):
    number = refused(delivered)
    delivered.write(
        "UPDATE follow_ups SET event_key = :key, state = 'pending', "
        "due_at = now() + interval '1 day' WHERE kind = 'survey'",
        key=key,
    )
    resend(delivered, number)
    assert delivered.state() == "pending"


def test_nobody_is_asked_about_work_that_was_cancelled(after, bench, wish):
    wish()
    with after.service.units() as uow:
        repairs.set_flags(uow, Address(ref=after.ref), [RepairFlag.CANCELLED], ROSA)
    assert move(bench, after.ref, "delivered").status_code == 201
    assert after.states() == []


def test_who_gets_it_back_unrepaired_is_asked_as_everybody_is(after, bench, wish):
    wish()
    with after.service.units() as uow:
        repairs.set_flags(uow, Address(ref=after.ref), [RepairFlag.UNREPAIRABLE], ROSA)
    assert move(bench, after.ref, "delivered").status_code == 201
    assert len(after.states()) == 2
