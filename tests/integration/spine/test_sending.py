"""Whatever Chatwoot answers, a message is sent once and known again by our mark (rule 12)."""

from __future__ import annotations

import pytest

from crm.core import deadletters
from crm.tickets import service as tickets
from tests.builders import STAFF


def _owe(mendline, words="Your part has come"):
    with mendline.units() as uow:
        tickets.add_message(
            uow, "TKT-000001", words, author_kind="agent", private=False, actor=STAFF
        )


def _send(mendline):
    """Only the sending, without taking in what comes back by webhook."""
    mendline.rows.work((), mendline.column("SELECT id FROM outbox WHERE kind = 'chatwoot.message'"))


@pytest.mark.parametrize("fault", ["api_500_after_save", "api_cut_after_save"])
def test_the_echo_closes_an_unsure_send(mendline, fault):
    number = mendline.open_thread()
    _owe(mendline)
    mendline.faults.change({fault: {"next": 1}})
    _send(mendline)
    assert mendline.column("SELECT state FROM outbox WHERE kind = 'chatwoot.message'") == ["unsure"]
    assert mendline.courier.wait_until_idle(5)
    mendline.take_in()
    assert mendline.table("SELECT state, reason FROM outbox WHERE kind = 'chatwoot.message'") == [
        ("done", "seen over there")
    ]
    mendline.settle()
    assert mendline.told(number) == ["Your part has come"]
    assert mendline.count("ticket_messages") == 2


@pytest.mark.parametrize("fault", ["api_500_after_save", "api_cut_after_save"])
def test_without_an_echo_the_look_up_closes_it(mendline, fault):
    number = mendline.open_thread()
    mendline.faults.change({"webhook_drop": 1, fault: {"next": 1}})
    _owe(mendline)
    mendline.settle()
    assert mendline.told(number) == ["Your part has come"]
    assert mendline.unfinished() == []


def test_a_send_that_never_arrived_is_repeated(mendline):
    number = mendline.open_thread()
    mendline.faults.change({"api_status_next": [{"status": 503, "count": 2}]})
    _owe(mendline)
    mendline.settle()
    assert mendline.told(number) == ["Your part has come"]
    assert mendline.unfinished() == []


def test_on_older_releases_the_source_id_is_the_mark(elder):
    number = elder.open_thread()
    _owe(elder)
    elder.faults.change({"api_500_after_save": {"next": 1}})
    elder.settle()
    assert elder.told(number) == ["Your part has come"]
    assert elder.count("ticket_messages") == 2
    assert elder.unfinished() == []


def _told_by_a_shop(mendline):
    number = mendline.open_thread()
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="D-1", conversation_id=number)
    mendline.take_in()
    return number


def test_a_message_whose_moment_passed_reads_cancelled(mendline):
    number = _told_by_a_shop(mendline)
    mendline.table("UPDATE outbox SET deadline_at = clock_timestamp() - interval '1 s'"
                   " WHERE kind = 'chatwoot.message' RETURNING 1")  # fmt: skip
    mendline.settle()
    assert mendline.told(number) == []
    assert mendline.table("SELECT state, reason FROM notifications") == [
        ("cancelled", "its deadline has passed")
    ]


@pytest.mark.parametrize(
    ("state", "read"), [("unsure", ("cancelled", "discarded: seen")), ("dead", ("failed", "no"))]
)
def test_what_a_person_discards_is_settled(mendline, state, read):
    _told_by_a_shop(mendline)
    mendline.table("UPDATE outbox SET state = :state, first_tried_at = clock_timestamp()"
                   " WHERE kind = 'chatwoot.message' RETURNING 1", state=state)  # fmt: skip
    if state == "dead":
        mendline.table("UPDATE notifications SET state = 'failed', reason = 'no' RETURNING 1")
    with mendline.units() as uow:
        row_id = mendline.one("SELECT id FROM outbox WHERE kind = 'chatwoot.message'")
        deadletters.discard(uow, "outbox", row_id, STAFF, "seen")
    assert mendline.table("SELECT state, reason FROM notifications") == [read]


def test_what_was_tried_before_an_upgrade_is_found_by_its_words(mendline):
    """A try of a release that noted no `has_mark`, beside a Chatwoot that kept no marks."""
    number = mendline.open_thread()
    _owe(mendline)
    mendline.faults.change({"webhook_drop": 1, "api_500_after_save": {"next": 1}})
    _send(mendline)
    with mendline.sandbox.store.transaction():
        posted = mendline.sandbox.store.messages_of[number][-1]
        posted["content_attributes"], posted["source_id"] = {}, None
    mendline.table("UPDATE outbox SET context = context - 'has_mark'"
                   " WHERE kind = 'chatwoot.message' RETURNING 1")  # fmt: skip
    mendline.settle()
    assert mendline.one("SELECT state FROM outbox WHERE kind = 'chatwoot.message'") == "done"
    contents = [m["content"] for m in mendline.thread(number)["messages"]]
    assert contents.count("Your part has come") == 1
