"""News that comes late in Chatwoot's own words: old copies, old notes, removed labels."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from crm.repairs import links
from tests import builders
from tests.builders import STAFF

NOW = time.time()
AGO = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()


def _ticket(mendline):
    return mendline.one("SELECT status FROM tickets")


def test_the_copy_in_an_older_message_changes_no_reach(mendline):
    visitor, signed_in = builders.contact(640), builders.contact(641, name="Ilse Brandt")
    newer = builders.conversation(81, at=NOW, sender=signed_in, verified=True)
    older = builders.conversation(81, at=NOW - 60, sender=visitor, can_reply=False)
    mendline.hear("message_created", builders.message(newer, "second", number=902))
    mendline.take_in()
    customer = mendline.one("SELECT customer_id FROM conversations")
    mendline.hear("message_created", builders.message(older, "first", number=901))
    mendline.take_in()
    assert mendline.table(
        "SELECT contact_id, customer_id, can_reply, is_verified FROM conversations"
    ) == [(641, customer, True, True)]
    assert mendline.count("ticket_messages") == 2


def test_a_late_message_does_not_move_the_ticket(mendline):
    thread = builders.conversation(82, at=NOW)
    mendline.hear("message_created", builders.message(thread, "hello", number=901))
    answer = builders.message(thread, "we look at it", kind="outgoing", number=903)
    mendline.hear("message_created", answer)
    mendline.take_in()
    assert _ticket(mendline) == "waiting_response"
    late = builders.message(thread, "anybody there?", number=902, created_at=AGO)
    mendline.hear("message_created", late)
    mendline.take_in()
    assert _ticket(mendline) == "waiting_response"
    mendline.hear("message_created", builders.message(thread, "thanks", number=904))
    mendline.take_in()
    assert _ticket(mendline) == "in_progress"


def test_a_customer_is_heard_although_our_own_notice_came_first(mendline):
    """Only what a person said since makes a message late."""
    thread = builders.conversation(83, at=NOW)
    mendline.hear("message_created", builders.message(thread, "hello", number=901))
    answer = builders.message(thread, "we look at it", kind="outgoing", number=902, created_at=AGO)
    mendline.hear("message_created", answer)
    bot = {"id": 3, "name": "Bot", "type": "agent_bot"}
    notice = builders.message(thread, "noted", kind="outgoing", number=904, sender=bot)
    mendline.hear("message_created", notice)
    mendline.hear("message_created", builders.message(thread, "and now?", number=903))
    mendline.take_in()
    assert _ticket(mendline) == "in_progress"


@pytest.mark.parametrize(("hours", "status"), [(23, "testing"), (25, "received")])
def test_a_note_of_long_ago_is_read_and_not_obeyed(mendline, hours, status):
    number = mendline.open_thread()
    customer = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        links.link(uow, builders.repair(uow, customer), 1, customer, STAFF)
    written = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    contact = builders.contact(mendline.one("SELECT contact_id FROM conversations"))
    note = builders.message(
        builders.conversation(number, sender=contact),
        "!status testing", kind="outgoing", private=True, created_at=written,
    )  # fmt: skip
    mendline.hear("message_created", note)
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == status
    assert mendline.count("ticket_messages", "private AND body = '!status testing'") == 1


def test_a_status_label_that_was_taken_away_comes_back(mendline):
    number = mendline.open_thread()
    customer = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        links.link(uow, builders.repair(uow, customer), 1, customer, STAFF)
    mendline.settle()
    notes = mendline.notes(number)
    mendline.play("POST", f"/conversations/{number}/labels", labels=["vip"])
    mendline.settle()
    assert sorted(mendline.thread(number)["labels"]) == ["repair-received", "vip"]
    assert mendline.notes(number) == notes
    assert mendline.unfinished() == []


def test_an_automation_that_keeps_taking_a_label_away_is_met_once_a_minute(mendline):
    number = mendline.open_thread()
    customer = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        links.link(uow, builders.repair(uow, customer), 1, customer, STAFF)
    mendline.settle()
    for expected in (["repair-received"], []):
        mendline.play("POST", f"/conversations/{number}/labels", labels=[])
        mendline.settle()
        assert mendline.thread(number)["labels"] == expected
    with mendline.units() as uow:
        uow.session.execute(
            text("UPDATE conversations SET restored_at = restored_at - interval '1 minute'")
        )
    mendline.reconcile()
    mendline.settle()
    assert mendline.thread(number)["labels"] == ["repair-received"]
    assert mendline.unfinished() == []
