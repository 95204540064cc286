"""Whatever Chatwoot answers, a message is sent once and known again by our mark (rule 12)."""

from __future__ import annotations

import pytest

from chatwoot.sandbox.rules.messages import delivery_failed
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


def test_a_failed_delivery_is_known(mendline):
    """webhooks.md 6.4: only the nested copy of the message itself tells its status."""
    number = mendline.open_thread()
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="D-1", conversation_id=number)
    mendline.settle()
    assert mendline.column("SELECT state FROM notifications") == ["sent"]
    store = mendline.sandbox.store
    with store.transaction():
        row = next(
            m for m in store.messages_of[number] if m["message_type"] == 1 and not m["private"]
        )
        delivery_failed(mendline.sandbox.server.app.extensions["sandbox"], row, "number unknown")
    mendline.settle()
    assert mendline.table("SELECT state, reason FROM notifications") == [
        ("failed", "its channel could not deliver it")
    ]
