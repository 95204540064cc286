"""Conversations and messages: replacing, windows, Liquid, status, sessions (api.md 3 and 4)."""

from __future__ import annotations

import pytest

CONVERSATION_KEYS = {
    "meta",
    "id",
    "messages",
    "account_id",
    "uuid",
    "additional_attributes",
    "agent_last_seen_at",
    "assignee_last_seen_at",
    "can_reply",
    "contact_last_seen_at",
    "custom_attributes",
    "inbox_id",
    "labels",
    "muted",
    "snoozed_until",
    "status",
    "created_at",
    "updated_at",
    "timestamp",
    "first_reply_created_at",
    "unread_count",
    "last_non_activity_message",
    "last_activity_at",
    "priority",
    "waiting_since",
    "sla_policy_id",
}
MESSAGE_KEYS = {
    "id",
    "content",
    "inbox_id",
    "conversation_id",
    "message_type",
    "content_type",
    "status",
    "content_attributes",
    "created_at",
    "private",
    "source_id",
    "sender",
}


@pytest.fixture
def number(sandbox):
    return sandbox.write(sandbox.customer(identifier="u-1", hmac_verified=True))["conversation_id"]


def post(box, number, body):
    return box.admin("POST", f"/conversations/{number}/messages", body)


def test_shape(sandbox, old_sandbox, number):
    shown = sandbox.admin("GET", f"/conversations/{number}").json
    assert set(shown) == CONVERSATION_KEYS
    assert set(shown["meta"]) == {"sender", "channel", "hmac_verified"}
    assert shown["meta"]["hmac_verified"] is True
    assert isinstance(shown["updated_at"], float)
    old_number = old_sandbox.write(old_sandbox.customer())["conversation_id"]
    old = old_sandbox.admin("GET", f"/conversations/{old_number}").json
    assert set(old) == CONVERSATION_KEYS - {"updated_at"}


def test_attributes_and_labels_are_replaced(sandbox, number):
    path = f"/conversations/{number}"
    sandbox.admin("POST", f"{path}/custom_attributes", {"custom_attributes": {"a": 1, "b": 2}})
    answer = sandbox.admin("POST", f"{path}/custom_attributes", {"custom_attributes": {"c": 3}})
    assert answer.json == {"custom_attributes": {"c": 3}}
    assert sandbox.admin("POST", f"{path}/custom_attributes", {}).status_code == 500
    sandbox.admin("POST", f"{path}/labels", {"labels": ["x", "y"]})
    assert sandbox.admin("POST", f"{path}/labels", {"labels": ["z"]}).json == {"payload": ["z"]}
    too_long = {"custom_attributes": {"a": "x" * 1501}}
    assert sandbox.admin("POST", f"{path}/custom_attributes", too_long).status_code == 422


def test_message_shape_and_mark(sandbox, number):
    body = {
        "content": "Hi",
        "echo_id": "e1",
        "source_id": "k1",
        "content_attributes": {"mark": "k"},
    }
    message = post(sandbox, number, body).json
    assert set(message) == MESSAGE_KEYS | {"echo_id"}
    assert (message["message_type"], message["source_id"]) == (1, "k1")
    assert message["content_attributes"] == {"mark": "k"}
    assert (
        "echo_id"
        not in sandbox.admin("GET", f"/conversations/{number}/messages").json["payload"][-1]
    )


def test_old_release_drops_free_content_attributes(old_sandbox):
    number = old_sandbox.write(old_sandbox.customer())["conversation_id"]
    sent = {"content": "Hi", "content_attributes": {"mark": "k", "in_reply_to": 5}}
    assert post(old_sandbox, number, sent).json["content_attributes"] == {"in_reply_to": 5}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Hi {{contact.name}}", "Hi Ada Marsh"),
        ("[{{ contact.custom_attribute.ref }}]", "[]"),
        ("{{contact.phone}}{% if x %}y{% endif %}", "y"),
        ("{{contact.name", "{{contact.name"),
        ("{{ 1 + }} {{contact.name}}", "{{ 1 + }} {{contact.name}}"),
        ("`{{contact.name}}`", "`{{contact.name}}`"),
        ("{% raw %}{{contact.name}}{% endraw %}", "{{contact.name}}"),
        ("{{ '{{' }}x", "{{x"),
    ],
)
def test_liquid_in_outgoing_text(sandbox, number, text, stored):
    assert post(sandbox, number, {"content": text}).json["content"] == stored


def test_liquid_leaves_incoming_text_alone(sandbox):
    assert sandbox.write(sandbox.customer(), "{{contact.name}}")["content"] == "{{contact.name}}"


def test_incoming_only_in_api_inboxes(sandbox, number):
    body = {"content": "x", "message_type": "incoming"}
    assert post(sandbox, number, body).status_code == 422
    inbox = sandbox.admin("POST", "/inboxes", {"name": "Api", "channel": {"type": "api"}}).json
    contact = sandbox.customer()
    made = sandbox.admin("POST", "/conversations", {"inbox_id": inbox["id"], "contact_id": contact})
    message = post(sandbox, made.json["id"], body).json
    assert (message["message_type"], message["sender"]["id"]) == (0, contact)
    path = f"/conversations/{made.json['id']}/messages/{message['id']}"
    assert sandbox.admin("PATCH", path, {"status": "read"}).json["status"] == "read"
    assert sandbox.admin("PATCH", path, {"status": "delivered"}).json["status"] == "read"


def test_windows(sandbox, number):
    ids = [post(sandbox, number, {"content": str(n)}).json["id"] for n in range(120)]
    first = ids[0] - 1

    def listed(query):
        answer = sandbox.admin("GET", f"/conversations/{number}/messages?{query}")
        return [row["id"] for row in answer.json["payload"]]

    assert listed("") == ids[-20:]
    assert listed(f"before={ids[-1]}") == ids[-21:-1]
    assert listed(f"after={first}") == ids[:100]
    assert listed(f"after={ids[10]}&before={ids[20]}") == ids[10:20]


def test_more_than_200_messages_a_minute(sandbox, number):
    answers = [post(sandbox, number, {"content": "x"}).status_code for _ in range(200)]
    assert answers == [200] * 199 + [422]


def test_delete_is_soft(sandbox, number):
    message = post(sandbox, number, {"content": "Hi"}).json
    path = f"/conversations/{number}/messages/{message['id']}"
    deleted = sandbox.admin("DELETE", path).json
    assert deleted["content"] == "This message was deleted"
    assert deleted["content_attributes"] == {"deleted": True}


def test_status_and_reopening(sandbox, number):
    path = f"/conversations/{number}/toggle_status"
    answer = sandbox.admin("POST", path, {"status": "resolved"}).json["payload"]
    assert answer["current_status"] == "resolved"
    activity = sandbox.admin("GET", f"/conversations/{number}/messages").json["payload"][-1]
    assert (activity["message_type"], "sender" in activity) == (2, False)
    contact = sandbox.admin("GET", f"/conversations/{number}").json["meta"]["sender"]["id"]
    assert sandbox.write(contact)["conversation_id"] == number
    assert sandbox.admin("GET", f"/conversations/{number}").json["status"] == "open"
    assert sandbox.admin("POST", path, {"status": "closed"}).status_code == 500
    until = sandbox.admin("POST", path, {"status": "snoozed", "snoozed_until": 1780303530})
    assert until.json["payload"]["snoozed_until"] == "2026-06-01T08:45:30.000Z"


def test_plain_agent_opening_takes_the_conversation(sandbox, number):
    sandbox.admin("POST", "/inbox_members", {"inbox_id": sandbox.widget, "user_ids": [2]})
    sandbox.admin("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    sandbox.agent("POST", f"/conversations/{number}/toggle_status", {"status": "open"})
    meta = sandbox.admin("GET", f"/conversations/{number}").json["meta"]
    assert (meta["assignee"]["id"], meta["assignee_type"]) == (sandbox.agent_id, "User")


def test_source_id_rule(sandbox):
    first, second = sandbox.customer(), sandbox.customer()
    body = {"inbox_id": sandbox.widget, "contact_id": first, "source_id": "s-1"}
    made = sandbox.admin("POST", "/conversations", body).json
    refused = sandbox.admin("POST", "/conversations", {**body, "contact_id": second})
    assert (refused.status_code, refused.json) == (422, {"error": "source_id should be unique"})
    by_source = sandbox.admin("POST", "/conversations", {"source_id": "s-1"}).json
    assert by_source["meta"]["sender"]["id"] == made["meta"]["sender"]["id"]
    assert sandbox.admin("POST", "/conversations", {"source_id": "nobody"}).status_code == 404


def test_assignments(sandbox, number):
    path = f"/conversations/{number}/assignments"
    assert sandbox.admin("POST", path, {"assignee_id": 2}).json["email"] == "tom@example.test"
    assert sandbox.admin("POST", path, {"assignee_id": 999}).json is None
    team = sandbox.admin("POST", "/teams", {"name": "Bench"}).json
    assert team["name"] == "bench"
    assert sandbox.admin("POST", path, {"team_id": team["id"]}).json["created_at"].endswith("Z")


def test_list_pages_and_windows(sandbox):
    numbers = [sandbox.write(sandbox.customer())["conversation_id"] for _ in range(27)]
    sandbox.admin("POST", f"/conversations/{numbers[0]}/toggle_status", {"status": "resolved"})
    data = sandbox.admin("GET", "/conversations?status=all").json["data"]
    assert len(data["payload"]) == 25
    assert data["payload"][0]["id"] == numbers[0]
    assert data["meta"]["all_count"] == 27
    assert len(sandbox.admin("GET", "/conversations?page=2").json["data"]["payload"]) == 1
    recent = sandbox.admin("GET", "/conversations?status=all&updated_within=60").json["data"]
    assert len(recent["payload"]) == 27
    body = {
        "payload": [
            {"attribute_key": "status", "filter_operator": "equal_to", "values": ["resolved"]}
        ]
    }
    found = sandbox.admin("POST", "/conversations/filter", body).json
    assert [row["id"] for row in found["payload"]] == numbers[:1]
