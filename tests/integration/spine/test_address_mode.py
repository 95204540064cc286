"""Chatwoot releases that do not sign: what arrives is a hint, and only what we fetch counts."""

from __future__ import annotations

import json

import pytest

from chatwoot.sandbox.rules.messages import delete_message
from tests import builders

TOKEN = "address-token-of-thirty-two-signs"
PATH = f"/webhooks/chatwoot/{TOKEN}"
PLAIN = {"Content-Type": "application/json"}


def _hint(service, name, body, path=PATH, headers=PLAIN):
    return service.post(json.dumps(builders.event(name, body)).encode(), headers, path)


def test_a_hint_alone_writes_nothing(elder):
    forged = builders.conversation(9001, old=True)
    body = builders.message(forged, "!ready", kind="outgoing", private=True)
    assert _hint(elder, "message_created", body).status_code == 202
    assert (
        _hint(elder, "contact_created", builders.contact(email="x@example.org")).status_code == 202
    )
    elder.take_in()
    for table in ("tickets", "customers", "ticket_messages", "conversations"):
        assert elder.count(table) == 0
    assert elder.column("SELECT kind FROM outbox") == ["chatwoot.refresh"]


def test_the_way_through_by_hints(elder):
    number = elder.open_thread(name="Ilse Brandt")
    key = elder.shop_key()
    elder.report(key, "repair.created", external_id="E-1", conversation_id=number)
    elder.settle()
    elder.agent(number, "!status testing", private=True)
    elder.play("POST", f"/conversations/{number}/status", status="resolved")
    elder.settle()
    assert elder.one("SELECT status FROM repairs") == "testing"
    assert elder.one("SELECT status FROM tickets") == "resolved"
    assert len(elder.told(number)) == 2
    assert elder.count("tickets") == 1
    assert elder.unfinished() == []


def test_a_changed_message_is_read_again(elder):
    number = elder.open_thread("I live at 5 Elm Street")
    store = elder.sandbox.store
    with store.transaction():
        delete_message(elder.sandbox.server.app.extensions["sandbox"], store.messages_of[number][0])
    elder.settle()
    assert elder.table("SELECT body, deleted_at IS NOT NULL FROM ticket_messages") == [("", True)]


@pytest.mark.parametrize("told", ["999999999999", "²", "-1", "x", ""])
def test_a_broken_moment_is_refused_and_not_a_defect(elder, told):
    headers = {**PLAIN, "X-Chatwoot-Timestamp": told.encode().decode("latin-1")}
    body = builders.conversation(9003, old=True)
    assert _hint(elder, "conversation_created", body, headers=headers).status_code == 401
    good = {**PLAIN, "X-Chatwoot-Timestamp": "1790000000"}
    assert _hint(elder, "conversation_created", body, headers=good).status_code == 202


def test_addresses_and_pinning(elder):
    body = builders.conversation(9002, old=True)
    assert _hint(elder, "conversation_created", body, f"{PATH}x").status_code == 401
    assert _hint(elder, "conversation_created", body, "/webhooks/chatwoot").status_code == 401
    assert _hint(elder, "conversation_created", body).status_code == 202

    raw = json.dumps(builders.event("conversation_created", body)).encode()
    wrong = builders.signed(raw, "another-secret-of-24-letters")
    assert elder.post(raw, wrong, PATH).status_code == 401
    assert _hint(elder, "conversation_updated", body).status_code == 202, (
        "a forged one pins nothing"
    )

    assert elder.post(raw, builders.signed(raw), PATH).status_code == 202
    assert _hint(elder, "conversation_updated", body | {"unread_count": 9}).status_code == 401
    # Another process, or this one started anew, knows it too.
    assert elder.count("chatwoot_hooks") == 1
