"""From a customer's first words to a told repair, through the sandbox Chatwoot."""

from __future__ import annotations

import re

from crm.tickets import service as tickets
from tests.builders import STAFF


def _linked(mendline, **fields):
    """A conversation and a repair of a shop system that belongs to it."""
    number = mendline.open_thread(name="Ilse Brandt")
    key = mendline.shop_key()
    answer = mendline.report(
        key, "repair.created", external_id="A-1", device="Pixel 8", conversation_id=number, **fields
    )
    assert answer.status_code == 202
    mendline.settle()
    return number, key


def test_a_message_becomes_one_ticket_with_its_context(mendline):
    number = mendline.open_thread(name="Ilse Brandt", email="ilse@example.org")
    mendline.agent(number, "We will have a look", private=False)
    mendline.agent(number, "looks like water damage", private=True)
    mendline.settle()

    assert mendline.count("tickets") == 1
    assert mendline.table(
        "SELECT author_kind, private, body FROM ticket_messages ORDER BY created_at"
    ) == [
        ("customer", False, "Hello, my screen broke"),
        ("agent", False, "We will have a look"),
        ("agent", True, "looks like water damage"),
    ]
    thread = mendline.thread(number)
    assert thread["custom_attributes"]["ticket_ref"] == "TKT-000001"
    attributes = mendline.attributes(thread["meta"]["sender"]["id"])
    assert attributes["bridge_customer_id"] == mendline.one("SELECT ref FROM customers")
    assert attributes["open_repairs"] == 0
    assert mendline.unfinished() == []


def test_a_told_status_is_one_message_one_note_and_fresh_context(mendline):
    number, key = _linked(mendline)
    before_told, before_notes = len(mendline.told(number)), len(mendline.notes(number))
    mendline.account.set_conversation_attributes(
        number, mendline.account.conversation(number).custom_attributes | {"booth": "B7"}
    )
    mendline.account.set_labels(number, ["vip", "repair-received"])

    mendline.report(key, "repair.status_changed", external_id="A-1", status="repairing", version=1,
                    note="new glass is in", internal_note="bin 4")  # fmt: skip
    mendline.settle()

    told, notes = mendline.told(number)[before_told:], mendline.notes(number)[before_notes:]
    ref = mendline.one("SELECT ref FROM repairs")
    assert len(told) == 1 and ref in told[0] and "new glass is in" in told[0]
    assert "bin 4" not in told[0]
    assert len(notes) == 1 and "received → repairing" in notes[0] and "bin 4" in notes[0]
    thread = mendline.thread(number)
    assert thread["custom_attributes"] == {
        "booth": "B7", "ticket_ref": "TKT-000001", "repair_refs": ref,
    }  # fmt: skip
    assert sorted(thread["labels"]) == ["repair-repairing", "vip"]
    contact = mendline.attributes(thread["meta"]["sender"]["id"])
    assert (contact["repair_status"], contact["repair_ref"]) == ("repairing", ref)
    link = re.search(r"http://\S+/track/\S+", told[0])[0]
    assert contact["repair_link"] == link
    # Our own messages came back by webhook and stand in the thread once, as ours.
    assert mendline.count("ticket_messages", "author_kind = 'system'") == len(told + notes) + (
        before_told + before_notes
    )
    assert mendline.unfinished() == []


def test_late_and_repeated_news_informs_nobody(mendline):
    number, key = _linked(mendline)
    mendline.report(key, "repair.status_changed", external_id="A-1", status="testing", version=5)
    mendline.settle()
    told, notes = mendline.told(number), mendline.notes(number)

    for status, version in (("testing", 6), ("repairing", 4), ("diagnosing", 7), ("testing", 5)):
        mendline.report(
            key, "repair.status_changed", external_id="A-1", status=status, version=version
        )
    mendline.report(key, "repair.status_changed", external_id="A-1", status="completed",
                    occurred_at="2020-01-01T00:00:00Z")  # fmt: skip
    mendline.settle()

    assert mendline.told(number) == told
    assert mendline.notes(number) == notes
    assert mendline.one("SELECT status FROM repairs") == "testing"
    outcomes = mendline.column("SELECT outcome FROM repair_history ORDER BY id")
    # The repeated version 5 was stopped at the door by its meaning.
    assert outcomes == ["created", "moved", "repeated", "late", "late", "late"]


def test_a_fast_clock_does_not_make_later_news_late(mendline):
    number, key = _linked(mendline, occurred_at="2999-01-01T00:00:00Z")
    mendline.report(key, "repair.status_changed", external_id="A-1", status="testing")
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == "testing"


def test_without_a_conversation_the_latest_message_waits_for_one(mendline):
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="A-2", device="Kindle")
    for status in ("diagnosing", "testing"):
        mendline.report(key, "repair.status_changed", external_id="A-2", status=status)
    mendline.settle()
    assert set(mendline.column("SELECT state FROM notifications")) == {"no_channel"}

    number = mendline.open_thread()
    ref = mendline.one("SELECT ref FROM repairs")
    mendline.agent(number, f"!link {ref}", private=True)
    mendline.settle()
    states = mendline.column("SELECT state FROM notifications ORDER BY id")
    assert states == ["superseded", "superseded", "sent"]
    assert len(mendline.told(number)) == 1 and "test" in mendline.told(number)[0]
    assert len(mendline.notes(number)) == 1 and ref in mendline.notes(number)[0]


def test_a_named_conversation_is_the_only_one_a_repair_joins(mendline):
    contact = mendline.visitor(email="ilse@example.org")
    first = mendline.writes(contact, "my phone")
    mendline.settle()
    key = mendline.shop_key()
    person = {"name": "Ilse", "email": "ilse@example.org"}
    mendline.report(
        key, "repair.created", external_id="A-3", customer=person, conversation_id=first
    )
    mendline.report(key, "repair.created", external_id="A-4", customer=person)
    mendline.settle()
    # The e-mail a visitor typed proves nothing, so the shop's customer is another one for now.
    assert mendline.count("customers") == 2
    assert mendline.table(
        "SELECT r.external_id, count(t.*) FROM repairs r LEFT JOIN ticket_repairs t "
        "ON t.repair_id = r.id GROUP BY 1 ORDER BY 1"
    ) == [("A-3", 1), ("A-4", 0)]
    assert mendline.count("merge_suggestions") == 1


def test_words_typed_at_the_bench_are_never_rendered(mendline):
    number, key = _linked(mendline)
    mendline.report(
        key,
        "repair.status_changed",
        external_id="A-1",
        status="diagnosing",
        note="{{ contact.email }} {% raw %}",
        internal_note="{{{{agent.name}}",
    )
    mendline.report(key, "repair.created", external_id="A-9", device="{{contact.name}} <b>",
                    conversation_id=number)  # fmt: skip
    mendline.settle()
    texts = mendline.told(number) + mendline.notes(number)
    plain = [text.replace("\u2060", "") for text in texts]
    assert any("{{ contact.email }} {% raw %}" in text for text in plain)
    assert any("{{{{agent.name}}" in text for text in plain)
    assert any("{{contact.name}} <b>" in text for text in plain)
    assert not any("Ilse Brandt <b>" in text for text in plain)
    assert mendline.unfinished() == []


def test_a_foreign_keys_repair_is_out_of_reach(mendline):
    number, _ = _linked(mendline)
    ref = mendline.one("SELECT ref FROM repairs")
    told = mendline.told(number)
    stranger = mendline.shop_key("another shop")
    for name in ({"ref": ref}, {"external_id": "A-1"}):
        answer = mendline.report(stranger, "repair.status_changed", status="delivered", **name)
        assert answer.status_code == 202
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == "received"
    assert mendline.told(number) == told
    reasons = mendline.column("SELECT reason FROM inbox WHERE state = 'pending'")
    assert len(reasons) == 2 and all(r.startswith("unknown-parent") for r in reasons)


def test_news_of_an_unknown_repair_waits_for_it(mendline):
    key = mendline.shop_key()
    mendline.report(key, "repair.status_changed", external_id="B-1", status="testing", version=2)
    mendline.settle()
    assert mendline.column("SELECT state FROM inbox") == ["pending"]
    mendline.report(key, "repair.created", external_id="B-1", version=1)
    mendline.settle()
    mendline.hasten()
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == "testing"
    assert mendline.unfinished() == []


def test_a_message_by_api_stands_in_both_threads_once(mendline):
    number = mendline.open_thread()
    with mendline.units() as uow:
        tickets.add_message(uow, "TKT-000001", "Your part has come", author_kind="agent",
                            private=False, actor=STAFF)  # fmt: skip
        tickets.add_message(uow, "TKT-000001", "order two more", author_kind="agent",
                            private=True, actor=STAFF)  # fmt: skip
        tickets.add_message(uow, "TKT-000001", "He called: thanks", author_kind="customer",
                            private=False, actor=STAFF)  # fmt: skip
    mendline.settle()
    assert mendline.told(number) == ["Your part has come"]
    assert mendline.notes(number) == ["order two more"]
    rows = mendline.table(
        "SELECT body, author_kind, external_id IS NULL FROM ticket_messages ORDER BY id"
    )
    assert rows == [
        ("Hello, my screen broke", "customer", False),
        ("Your part has come", "agent", False),
        ("order two more", "agent", False),
        ("He called: thanks", "customer", True),
    ]


def test_a_status_set_by_staff_reaches_the_conversation_and_stays(mendline):
    number = mendline.open_thread()
    with mendline.units() as uow:
        tickets.change_status(uow, "TKT-000001", "closed", STAFF)
    mendline.settle()
    assert mendline.thread(number)["status"] == "resolved"
    assert mendline.one("SELECT status FROM tickets") == "closed"
    mendline.play("POST", f"/conversations/{number}/status", status="open")
    mendline.settle()
    assert mendline.one("SELECT status FROM tickets") == "open"
