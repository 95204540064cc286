"""Deliveries: signature, subscriptions, bodies, bots and the switches (webhooks.md 2 to 8)."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from chatwoot.sandbox.hooks import SUBSCRIBABLE

CONVERSATION_KEYS = {
    "additional_attributes",
    "can_reply",
    "channel",
    "contact_inbox",
    "id",
    "inbox_id",
    "messages",
    "labels",
    "meta",
    "status",
    "custom_attributes",
    "snoozed_until",
    "unread_count",
    "first_reply_created_at",
    "priority",
    "waiting_since",
    "agent_last_seen_at",
    "contact_last_seen_at",
    "last_activity_at",
    "timestamp",
    "created_at",
    "updated_at",
}
MESSAGE_KEYS = {
    "account",
    "additional_attributes",
    "content_attributes",
    "content_type",
    "content",
    "conversation",
    "created_at",
    "id",
    "inbox",
    "message_type",
    "private",
    "sender",
    "source_id",
    "event",
}


def subscribe(box, receiver, *events):
    body = {"url": receiver.url, "subscriptions": list(events or SUBSCRIBABLE)}
    assert box.admin("POST", "/webhooks", body).status_code == 200


def signature(secret, headers, raw):
    signed = headers["X-Chatwoot-Timestamp"].encode() + b"." + raw
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def test_signed_over_the_raw_escaped_body(sandbox, receiver):
    subscribe(sandbox, receiver, "message_created")
    sandbox.write(sandbox.customer(), "a <b> & ü\u2028")
    sandbox.settle()
    [(headers, raw)] = receiver.requests
    assert headers["X-Chatwoot-Signature"] == signature(sandbox.site.webhook_secret, headers, raw)
    assert abs(int(headers["X-Chatwoot-Timestamp"]) - time.time()) < 5
    assert headers["User-Agent"] == "Ruby"
    assert r"a \u003cb\u003e \u0026 ü\u2028".encode() in raw
    assert b'": ' not in raw


def test_old_release_does_not_sign(old_sandbox, receiver):
    subscribe(old_sandbox, receiver, "message_created")
    old_sandbox.write(old_sandbox.customer())
    old_sandbox.settle()
    [(headers, _)] = receiver.requests
    assert not [name for name in headers if name.startswith("X-Chatwoot")]
    [body] = receiver.bodies()
    assert "updated_at" not in body["conversation"]


def test_bodies(sandbox, receiver):
    subscribe(sandbox, receiver)
    contact = sandbox.customer(identifier="u-1", hmac_verified=True)
    number = sandbox.write(contact)["conversation_id"]
    sandbox.settle()
    [created] = receiver.bodies("conversation_created")
    assert set(created) == CONVERSATION_KEYS | {"event"}
    assert created["meta"]["hmac_verified"] is True
    assert set(created["meta"]) == {"sender", "assignee", "assignee_type", "team", "hmac_verified"}
    [message] = receiver.bodies("message_created")
    assert set(message) == MESSAGE_KEYS
    assert message["message_type"] == "incoming"
    assert message["created_at"].endswith("Z")
    assert "type" not in message["sender"]
    assert message["conversation"]["messages"][0]["message_type"] == 0
    assert message["conversation"]["id"] == number
    [born] = receiver.bodies("contact_created")
    assert (born["id"], born["account"]["id"]) == (contact, 1)
    [noise] = receiver.bodies("contact_updated")
    changed = [name for item in noise["changed_attributes"] for name in item]
    assert changed == ["updated_at", "last_activity_at"]


def test_changes(sandbox, receiver):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    subscribe(sandbox, receiver, "conversation_updated", "conversation_status_changed")
    sandbox.admin("POST", f"/conversations/{number}/labels", {"labels": ["a", "b"]})
    sandbox.settle()
    [labels] = receiver.bodies()
    names = [name for item in labels["changed_attributes"] for name in item]
    assert names == ["updated_at", "cached_label_list", "label_list"]
    assert labels["changed_attributes"][2]["label_list"] == {
        "previous_value": [],
        "current_value": ["a", "b"],
    }
    sandbox.admin("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    sandbox.settle()
    [status] = receiver.bodies("conversation_status_changed")
    assert (status["status"], status["changed_attributes"]) == ("resolved", None)
    companion = receiver.bodies("conversation_updated")[-1]["changed_attributes"]
    assert {"status": {"previous_value": "open", "current_value": "resolved"}} in companion


def test_old_release_tells_labels_twice(old_sandbox, receiver):
    number = old_sandbox.write(old_sandbox.customer())["conversation_id"]
    subscribe(old_sandbox, receiver, "conversation_updated")
    old_sandbox.admin("POST", f"/conversations/{number}/labels", {"labels": ["a"]})
    old_sandbox.settle()
    assert len(receiver.requests) == 2


def test_private_notes_are_sent_but_activity_is_not(sandbox, receiver):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    subscribe(sandbox, receiver, "message_created")
    note = {"conversation_id": number, "content": "!help", "private": True}
    assert sandbox.control("POST", "/agents/2/messages", note).status_code == 201
    sandbox.admin("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    sandbox.settle()
    [body] = receiver.bodies()
    assert (body["private"], body["sender"]["type"]) == (True, "user")
    assert body["conversation"]["messages"][0]["message_type"] == 0


def test_widget_opening(sandbox, receiver):
    subscribe(sandbox, receiver, "webwidget_triggered")
    sandbox.control("POST", f"/customers/{sandbox.customer()}/open-widget", {})
    sandbox.settle()
    [body] = receiver.bodies()
    assert set(body) == {
        "id", "contact", "inbox", "account", "current_conversation", "source_id", "event",
        "event_info",
    }  # fmt: skip
    assert body["current_conversation"] is None


@pytest.fixture
def bot(sandbox, receiver):
    sandbox.site.hooks.bot_retry_seconds = 0.05
    made = sandbox.admin("POST", "/agent_bots", {"name": "B", "outgoing_url": receiver.url}).json
    connect = {"agent_bot": made["id"]}
    sandbox.admin("POST", f"/inboxes/{sandbox.widget}/set_agent_bot", connect)
    return made


def test_bots_get_their_own_events(sandbox, receiver, bot):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    assert sandbox.admin("GET", f"/conversations/{number}").json["status"] == "pending"
    handed = type(sandbox.admin)(sandbox.client, bot["access_token"])(
        "POST", f"/conversations/{number}/toggle_status", {"status": "open"}
    )
    assert handed.json["payload"]["success"] is None
    sandbox.settle()
    headers, raw = receiver.requests[0]
    assert headers["X-Chatwoot-Signature"] == signature(bot["secret"], headers, raw)
    events = sorted(body["event"] for body in receiver.bodies())
    assert events == [
        "conversation_opened",
        "conversation_status_changed",
        "conversation_updated",
        "message_created",
    ]


def test_bot_is_tried_three_times_then_people_take_over(sandbox, receiver, bot):
    receiver.answers = [500, 429, 500]
    number = sandbox.write(sandbox.customer())["conversation_id"]
    sandbox.settle()
    sent = [headers for headers, raw in receiver.requests if b'"event":"message_created"' in raw]
    assert len(sent) == 3
    assert len({headers["X-Chatwoot-Delivery"] for headers in sent}) == 1
    assert sandbox.admin("GET", f"/conversations/{number}").json["status"] == "open"


def test_account_webhooks_are_sent_once(sandbox, receiver):
    subscribe(sandbox, receiver, "message_created")
    receiver.answers = [500]
    sandbox.write(sandbox.customer())
    sandbox.settle()
    assert len(receiver.requests) == 1
    [row] = sandbox.control("GET", "/deliveries").json["deliveries"]
    assert (row["event"], row["status"], row["url"]) == ("message_created", 500, receiver.url)
    assert row["error"].startswith("500")


def test_api_inbox_failure_marks_the_message(sandbox, receiver):
    channel = {"type": "api", "webhook_url": receiver.url}
    inbox = sandbox.admin("POST", "/inboxes", {"name": "Api", "channel": channel}).json
    body = {"inbox_id": inbox["id"], "contact_id": sandbox.customer()}
    number = sandbox.admin("POST", "/conversations", body).json["id"]
    sandbox.settle()
    receiver.answers = [503] * 4
    message = sandbox.admin("POST", f"/conversations/{number}/messages", {"content": "x"}).json
    sandbox.settle()
    listed = sandbox.admin("GET", f"/conversations/{number}/messages").json["payload"]
    [failed] = [row for row in listed if row["id"] == message["id"]]
    assert failed["status"] == "failed"
    assert failed["content_attributes"]["external_error"].startswith("503")


def test_drop_double_and_reorder(sandbox, receiver):
    subscribe(sandbox, receiver, "message_created")
    contact = sandbox.customer()
    sandbox.faults(webhook_drop={"next": 2})
    for _ in range(3):
        sandbox.write(contact)
    sandbox.settle()
    assert len(receiver.requests) == 1
    receiver.requests.clear()
    sandbox.faults(webhook_double=1, webhook_reorder=True, seed=4)
    sent = [sandbox.write(contact, str(n))["id"] for n in range(10)]
    sandbox.settle()
    ids = [body["id"] for body in receiver.bodies()]
    assert sorted(ids) == sorted(sent * 2)
    assert ids != sorted(ids)
    assert len({headers["X-Chatwoot-Delivery"] for headers, _ in receiver.requests}) == 20
