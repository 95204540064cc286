"""Chatwoot's events become tickets: once each, in any order, and never from a stale copy."""

from __future__ import annotations

import json
import random
import time

import pytest

from tests import builders

NOW = time.time()


def _ticket(mendline):
    (row,) = mendline.table("SELECT status, assignee, priority FROM tickets")
    return tuple(row)


def test_one_ticket_under_shuffled_and_repeated_deliveries(mendline):
    shuffled = random.Random(26)
    thread = builders.conversation(71, at=NOW)
    deliveries = [("conversation_created", thread)]
    for number in range(900, 912):
        deliveries.append(
            ("message_created", builders.message(thread, f"line {number}", number=number))
        )
    for step, status in enumerate(("pending", "open", "resolved"), start=1):
        changed = builders.conversation(
            71, at=NOW + step, status=status, sender=thread["meta"]["sender"]
        )
        deliveries += [("conversation_status_changed", changed), ("conversation_updated", changed)]
    deliveries.append(("contact_updated", builders.contact(thread["meta"]["sender"]["id"])))
    sent = deliveries + shuffled.choices(deliveries, k=50 - len(deliveries))
    shuffled.shuffle(sent)
    answers = [mendline.hear(name, body).status_code for name, body in sent]
    assert len(answers) == 50 and set(answers) == {200, 202}
    mendline.take_in()

    assert (
        mendline.count("tickets"),
        mendline.count("conversations"),
        mendline.count("customers"),
    ) == (1, 1, 1)
    assert mendline.count("ticket_messages") == 12
    assert _ticket(mendline)[0] == "resolved"
    assert mendline.count("inbox", "state <> 'done'") == 0


def test_every_payload_tells_its_status(mendline):
    """webhooks.md 2.2: a reopening may be announced by a change of assignee only."""
    thread = builders.conversation(72, at=NOW, status="resolved")
    mendline.hear("conversation_created", thread)
    hidden = builders.conversation(
        72, at=NOW + 1, sender=thread["meta"]["sender"], assignee="Noor Haddad", status="open",
        changed_attributes=[{"assignee_id": {"previous_value": None, "current_value": 41}}],
    )  # fmt: skip
    mendline.hear("conversation_updated", hidden)
    mendline.take_in()
    assert _ticket(mendline) == ("open", "Noor Haddad", "medium")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_companions_change_once_and_stale_state_never(mendline, order):
    thread = builders.conversation(73, at=NOW)
    who = thread["meta"]["sender"]
    mendline.hear("conversation_created", thread)
    mendline.take_in()
    resolved = builders.conversation(73, at=NOW + 5, status="resolved", sender=who, labels=["vip"])
    names = ("conversation_status_changed", "conversation_updated")
    for index in order:
        mendline.hear(names[index], resolved)
    mendline.hear(
        "conversation_updated", builders.conversation(73, at=NOW + 2, status="pending", sender=who)
    )
    mendline.take_in()
    assert _ticket(mendline)[0] == "resolved"
    assert mendline.one("SELECT labels FROM conversations") == ["vip"]
    assert mendline.count("events", "kind = 'ticket.status_changed'") == 1
    assert mendline.owed("refresh") == 0


def test_equal_version_but_different_state_is_fetched(mendline):
    thread = builders.conversation(74, at=NOW)
    mendline.hear("conversation_created", thread)
    mendline.hear(
        "conversation_updated",
        builders.conversation(74, at=NOW, status="resolved", sender=thread["meta"]["sender"]),
    )
    mendline.take_in()
    assert _ticket(mendline)[0] == "open"
    assert mendline.owed("refresh") == 1


def test_labels_in_another_order_are_the_same_labels(mendline):
    thread = builders.conversation(74, at=NOW, labels=["b", "a"])
    mendline.hear("conversation_created", thread)
    mendline.hear(
        "conversation_updated",
        builders.conversation(74, at=NOW, labels=["a", "b"], sender=thread["meta"]["sender"]),
    )
    mendline.take_in()
    assert mendline.owed("refresh") == 0


def test_without_a_version_a_difference_is_fetched_and_sameness_is_not(mendline):
    thread = builders.conversation(75, old=True)
    who = thread["meta"]["sender"]
    mendline.hear("conversation_created", thread)
    mendline.hear(
        "conversation_updated", builders.conversation(75, old=True, sender=who, unread_count=2)
    )
    mendline.take_in()
    assert mendline.owed("refresh") == 0
    mendline.hear("conversation_status_changed",
                  builders.conversation(75, old=True, sender=who, status="snoozed"))  # fmt: skip
    mendline.take_in()
    assert _ticket(mendline)[0] == "open"
    assert mendline.owed("refresh") == 1


def test_nested_copies_never_move_anything(mendline):
    thread = builders.conversation(76, at=NOW)
    mendline.hear("conversation_created", thread)
    newer = builders.conversation(
        76,
        at=NOW + 60,
        status="resolved",
        labels=["repair-testing"],
        assignee="Noor Haddad",
        sender=thread["meta"]["sender"],
    )
    mendline.hear("message_created", builders.message(newer))
    mendline.take_in()
    assert _ticket(mendline) == ("open", None, "medium")
    assert mendline.one("SELECT labels FROM conversations") == []


def test_private_notes_stay_private_and_activity_is_no_message(mendline):
    thread = builders.conversation(77, at=NOW)
    mendline.hear(
        "message_created",
        builders.message(thread, "the customer is rude", kind="outgoing", private=True),
    )
    mendline.hear(
        "message_created", builders.message(thread, "Conversation was resolved", kind="activity")
    )
    mendline.hear("message_created", builders.message(thread, "?", kind="hologram"))
    mendline.take_in()
    assert mendline.table("SELECT private, author_kind FROM ticket_messages") == [(True, "agent")]
    assert _ticket(mendline)[0] == "open"
    assert mendline.owed("message") == 0


def test_contact_noise_makes_no_ticket_and_owes_nothing(mendline):
    thread = builders.conversation(78, at=NOW, sender=builders.contact(321, name="Ilse Brandt"))
    mendline.hear("message_created", builders.message(thread))
    mendline.take_in()
    owed, tickets = mendline.count("outbox"), mendline.count("tickets")
    for step in range(20):
        change = [{"last_activity_at": {"previous_value": None, "current_value": step}}]
        mendline.hear("contact_updated", builders.contact(321, changed_attributes=change))
    mendline.take_in()
    assert (mendline.count("outbox"), mendline.count("tickets")) == (owed, tickets)


def test_an_anonymous_visitor_is_nobody_until_they_write(mendline):
    visitor = builders.contact(322, name="quiet-harbor-318")
    mendline.hear("contact_created", visitor)
    mendline.hear("contact_updated", visitor | {"changed_attributes": []})
    mendline.hear(
        "webwidget_triggered", {"id": 5, "contact": visitor, "current_conversation": None}
    )
    mendline.take_in()
    assert (mendline.count("customers"), mendline.count("tickets"), mendline.count("outbox")) == (
        0,
        0,
        0,
    )
    mendline.hear("message_created", builders.message(builders.conversation(79, sender=visitor)))
    mendline.take_in()
    assert mendline.column("SELECT name FROM customers") == ["quiet-harbor-318"]
    # The invented name gives way to a real one; a real one stays.
    for name in ("Ilse Brandt", "Somebody Else"):
        mendline.hear("contact_updated", visitor | {"name": name})
        mendline.take_in()
    assert mendline.column("SELECT name FROM customers") == ["Ilse Brandt"]


def test_a_rating_is_kept(mendline):
    thread = builders.conversation(80)
    survey = builders.message(thread, "Please rate", kind="template", content_type="input_csat")
    mendline.hear("message_created", survey)
    for rating in (9, "5", True, 4):
        answer = {"csat_survey_response": {"rating": rating, "feedback_message": "quick"}}
        mendline.hear(
            "message_updated", survey | {"content_attributes": {"submitted_values": answer}}
        )
    mendline.take_in()
    assert mendline.table("SELECT rating, rating_comment FROM tickets") == [(4, "quick")]


def test_a_message_may_change_and_vanish(mendline):
    thread = builders.conversation(81)
    words = builders.message(thread, "my password is hunter2")
    mendline.hear("message_created", words)
    mendline.hear("message_updated", words | {"content": "never mind"})
    mendline.take_in()
    assert mendline.column("SELECT body FROM ticket_messages") == ["never mind"]
    gone = words | {"content": "This message was deleted", "content_attributes": {"deleted": True}}
    mendline.hear("message_updated", gone)
    mendline.take_in()
    mendline.hear("message_updated", words | {"content": "back again?"})
    mendline.take_in()
    assert mendline.table("SELECT body, deleted_at IS NOT NULL FROM ticket_messages") == [
        ("", True)
    ]

    unseen = builders.message(
        thread, "This message was deleted", content_attributes={"deleted": True}
    )
    mendline.hear("message_created", unseen)
    mendline.take_in()
    assert mendline.column("SELECT body FROM ticket_messages") == ["", ""]


def test_news_of_an_unseen_message_is_fetched(mendline):
    mendline.hear("message_updated", builders.message(builders.conversation(82)))
    mendline.take_in()
    assert mendline.count("tickets") == 0
    assert mendline.owed("refresh") == 1


def test_a_providers_source_id_is_not_our_mark(mendline):
    """Most channels put the provider's own message id into `source_id`."""
    thread = builders.conversation(83, channel="Channel::Whatsapp")
    mendline.hear(
        "message_created",
        builders.message(thread, "Come by at noon", kind="outgoing", source_id="wamid.HBgL"),
    )
    mendline.take_in()
    assert mendline.column("SELECT author_kind FROM ticket_messages") == ["agent"]
    assert _ticket(mendline)[0] == "waiting_response"


def test_only_an_incoming_public_message_in_a_pending_thread_is_handed_over(mendline):
    def bot_hears(body, name="message_created"):
        raw = json.dumps(builders.event(name, body)).encode()
        headers = builders.signed(raw, builders.BOT_SECRET)
        return mendline.post(raw, headers, "/webhooks/chatwoot/bot").status_code

    pending = builders.conversation(84, status="pending")
    assert bot_hears(builders.message(builders.conversation(84))) == 202
    assert bot_hears(builders.message(pending, kind="outgoing")) == 202
    assert bot_hears(builders.message(pending, private=True)) == 202
    assert bot_hears(pending, "conversation_opened") == 200
    mendline.take_in()
    assert mendline.owed("handoff") == 0
    message = builders.message(pending)
    assert [bot_hears(message), bot_hears(message)] == [202, 200]
    mendline.take_in()
    assert mendline.owed("handoff") == 1
    assert mendline.count("tickets") == 0
