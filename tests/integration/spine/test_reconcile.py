"""What webhooks failed to bring is found by one pass, and never twice (reliability.md, rule 26)."""

from __future__ import annotations

import pytest

from chatwoot.sandbox.rules.conversations import change_conversation
from chatwoot.sandbox.rules.messages import delete_message, update_message
from crm.repairs import links
from tests import builders
from tests.builders import STAFF


@pytest.mark.parametrize("which", ["mendline", "elder"])
def test_a_receiver_that_was_down_misses_nothing(request, which):
    service = request.getfixturevalue(which)
    known = service.open_thread("before the outage")
    closed = service.open_thread("soon done")
    assert service.reconcile().found == 0

    service.faults.change({"webhook_drop": 1})
    service.play("POST", "/burst", conversations=33, messages_each=6)
    customer = service.thread(known)["meta"]["sender"]["id"]
    service.writes(customer, "anybody there?")
    service.agent(known, "a note you missed", private=True)
    service.play("POST", f"/conversations/{closed}/status", status="resolved")
    assert service.courier.wait_until_idle(20), "the sandbox is still losing deliveries"
    assert service.count("tickets") == 2

    service.faults.reset()
    run = service.reconcile()
    service.settle()
    assert service.count("tickets") == 35
    assert service.count("ticket_messages") == 2 + 33 * 6 + 2
    assert service.count("ticket_messages", "private") == 1
    assert service.one("SELECT status FROM conversations WHERE number = :n", n=closed) == "resolved"
    assert run.found == 33 * 6 + 2 + 1
    second = service.reconcile()
    service.settle()
    assert second.found == 0
    assert second.error is None and second.watermark_at > run.watermark_at
    assert service.count("ticket_messages") == 2 + 33 * 6 + 2
    assert service.unfinished() == []


def test_a_late_webhook_after_reconciling_is_a_duplicate(mendline):
    mendline.faults.change({"webhook_drop": 1})
    number = mendline.writes(mendline.visitor(), "lost")
    assert mendline.courier.wait_until_idle(5)
    mendline.faults.reset()
    assert mendline.reconcile().found == 1
    mendline.settle()
    message_id = mendline.thread(number)["messages"][0]["id"]
    copy = builders.message(builders.conversation(number), "lost", number=message_id)
    answer = mendline.hear("message_created", copy)
    assert (answer.status_code, answer.json["status"]) == (200, "duplicate")
    mendline.settle()
    assert mendline.count("ticket_messages") == 1


def test_a_pass_that_breaks_moves_no_watermark(mendline):
    mendline.open_thread()
    mendline.faults.change({"refuse": True})
    with pytest.raises(Exception, match=".") as broken:
        mendline.reconcile()
    assert broken.value.retry
    rows = mendline.table("SELECT watermark_at, error IS NOT NULL FROM reconcile_runs")
    assert rows == [(None, True)]


def _unheard(service, change):
    """Something happens over there, and its webhook is lost."""
    service.faults.change({"webhook_drop": 1})
    site, store = service.sandbox.server.app.extensions["sandbox"], service.sandbox.store
    with store.transaction():
        change(site, store)
    assert service.courier.wait_until_idle(5)
    service.faults.reset()


def _found(service):
    found = service.reconcile().found
    service.settle()
    assert service.reconcile().found == 0
    return found


@pytest.mark.parametrize("which", ["mendline", "elder"])
def test_a_lost_change_of_priority_is_found(request, which):
    service = request.getfixturevalue(which)
    number = service.open_thread()
    _unheard(service, lambda site, store: change_conversation(
        site, store.get("conversation", number), priority="urgent"))  # fmt: skip
    assert _found(service) == 1
    assert service.one("SELECT priority FROM tickets") == "urgent"


def test_a_conversation_that_changed_hands_is_found(mendline):
    number, other = mendline.open_thread(name="Ilse"), mendline.visitor("Noor Haddad")
    before = mendline.one("SELECT customer_id FROM conversations")
    _unheard(mendline, lambda site, store: store.get("conversation", number).update(
        contact_id=other))  # fmt: skip
    assert _found(mendline) == 1
    ((contact, customer),) = mendline.table("SELECT contact_id, customer_id FROM conversations")
    assert contact == other and customer != before


def test_two_differences_under_one_version_are_both_found(mendline):
    number = mendline.open_thread()
    for assignee in ("low", "high"):
        _unheard(mendline, lambda site, store, name=assignee: store.get(
            "conversation", number).update(priority=name))  # fmt: skip
        assert _found(mendline) == 1
        assert mendline.one("SELECT priority FROM tickets") == assignee


def test_messages_deleted_or_rewritten_unheard_are_found(mendline):
    number = mendline.open_thread("first")
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    mendline.writes(contact, "second")
    mendline.agent(number, "third")
    mendline.settle()

    def change(site, store):
        first, second, _ = store.messages_of[number]
        delete_message(site, first)
        update_message(site, second, content="second, mended")

    _unheard(mendline, change)
    assert _found(mendline) == 2
    assert mendline.table(
        "SELECT body, deleted_at IS NOT NULL FROM ticket_messages ORDER BY external_id"
    ) == [("", True), ("second, mended", False), ("third", False)]


def test_a_status_label_taken_away_unheard_comes_back(mendline):
    number = mendline.open_thread()
    customer = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        links.link(uow, builders.repair(uow, customer), 1, customer, STAFF)
    mendline.settle()
    assert mendline.thread(number)["labels"] == ["repair-received"]
    _unheard(mendline, lambda site, store: change_conversation(
        site, store.get("conversation", number), labels=[]))  # fmt: skip
    assert _found(mendline) == 1
    assert mendline.thread(number)["labels"] == ["repair-received"]


def test_our_own_words_are_not_taken_for_rewritten(mendline):
    """Chatwoot renders and trims what we send: that is no news."""
    number = mendline.open_thread()
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="A-1", device="{{ contact.name }}",
                    conversation_id=number)  # fmt: skip
    mendline.settle()
    assert mendline.reconcile().found == 0
