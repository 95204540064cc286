"""The client against Chatwoot's documented answers: requests made, objects read, marks found."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import responses
from responses import matchers

from chatwoot.client import Client
from chatwoot.objects import API_CHANNEL, WEB_WIDGET
from crm.core.errors import Denied, Temporary

BASE = "https://chat.example.test"
ACCOUNT = f"{BASE}/api/v1/accounts/7"
TOKEN = "user-token-0123456789"
FIRST_TRY = datetime(2026, 6, 1, 8, 45, tzinfo=UTC)


@pytest.fixture
def line():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


@pytest.fixture
def client():
    return Client(BASE + "/", 7, TOKEN, bot_token="bot-token-0123456789")


def version(line, text):
    line.get(f"{BASE}/api", json={"version": text, "queue_services": "ok", "data_services": "ok"})


def message(id, **other):
    return {
        "id": id,
        "conversation_id": 42,
        "message_type": 1,
        "content": "Your phone is ready.",
        "private": False,
        "content_attributes": {},
        "source_id": None,
        "created_at": int(FIRST_TRY.timestamp()),
    } | other


def messages(line, rows, **query):
    line.get(
        f"{ACCOUNT}/conversations/42/messages",
        json={"meta": {}, "payload": rows},
        match=[matchers.query_param_matcher(query)],
    )


def sent(line):
    return json.loads(line.calls[-1].request.body)


def test_the_token_travels_hyphenated_and_alone(line, client):
    line.get(f"{BASE}/api/v1/profile", json={"id": 1, "role": "administrator"})
    assert client.profile()["role"] == "administrator"
    request = line.calls[0].request
    assert request.headers["Api-Access-Token"] == TOKEN
    assert request.headers["User-Agent"] == "mendline"
    assert TOKEN not in request.url
    assert TOKEN not in repr(client)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("4.14.0", (4, 14, 0)),
        ("v4.13.1-ce", (4, 13, 1)),
        ("3.9.0", (3, 9, 0)),
        ("4.15", (4, 15, 0)),
    ],
)
def test_version_is_comparable_and_asked_once(line, client, told, known):
    version(line, told)
    assert client.installation.version() == client.installation.version() == known
    assert len(line.calls) == 1


@pytest.mark.parametrize("told", ["", "next", "4"])
def test_an_unreadable_version_is_no_version(line, client, told):
    version(line, told)
    with pytest.raises(Temporary):
        client.installation.version()


@pytest.mark.parametrize(
    ("told", "marks", "signs", "dated"),
    [("3.9.0", False, False, False), ("4.11.1", False, False, True),
     ("4.11.2", False, True, True), ("4.14.0", True, True, True)],
)  # fmt: skip
def test_capabilities_follow_the_version(line, client, told, marks, signs, dated):
    version(line, told)
    can = client.installation.capabilities()
    assert (can.keeps_content_attributes, can.signs_webhooks, can.has_updated_at) == (
        marks, signs, dated,
    )  # fmt: skip


def test_a_conversation_is_read(line, client):
    line.get(
        f"{ACCOUNT}/conversations/42",
        json={
            "id": 42, "inbox_id": 3, "status": "open", "labels": ["vip"],
            "custom_attributes": {"ticket_ref": "TKT-000001"}, "created_at": 1780303530,
            "updated_at": 1780303650.318457, "timestamp": 1780303650,
            "meta": {"sender": {"id": 17}, "channel": WEB_WIDGET, "hmac_verified": True},
        },
    )  # fmt: skip
    found = client.conversation(42)
    assert (found.id, found.contact_id, found.channel) == (42, 17, WEB_WIDGET)
    assert found.hmac_verified and found.assignee_id is None
    assert found.updated_at == datetime(2026, 6, 1, 8, 47, 30, 318457, tzinfo=UTC)
    assert found.last_activity_at == datetime(2026, 6, 1, 8, 47, 30, tzinfo=UTC)


def listing(line, rows, **query):
    query = {"status": "all", "assignee_type": "all", "sort_by": "last_activity_at_desc"} | query
    line.get(
        f"{ACCOUNT}/conversations",
        json={"data": {"meta": {}, "payload": [{"id": n, "status": "open"} for n in rows]}},
        match=[matchers.query_param_matcher(query)],
    )


def test_conversations_are_paged_to_the_empty_page(line, client):
    listing(line, [3, 2], page="1")
    listing(line, [1], page="2")
    listing(line, [], page="3")
    assert [found.id for found in client.conversations()] == [3, 2, 1]


def test_updated_within_is_not_paged(line, client):
    listing(line, [3, 2], page="1", updated_within="900")
    assert [found.id for found in client.conversations(updated_within=900)] == [3, 2]
    assert len(line.calls) == 1


def test_messages_after_walks_windows_of_a_hundred(line, client):
    messages(line, [message(n) for n in range(11, 111)], after="10")
    messages(line, [message(n) for n in range(111, 116)], after="110")
    assert [found.id for found in client.messages.after(42, 10)] == list(range(11, 116))


@pytest.mark.parametrize(
    ("told", "channel", "mark"),
    [
        ("4.14.0", "Channel::Whatsapp", {"content_attributes": {"mendline": "key-1"}}),
        ("4.14.0", WEB_WIDGET, {"content_attributes": {"mendline": "key-1"}}),
        ("4.3.0", WEB_WIDGET, {"source_id": "key-1"}),
        ("3.9.0", API_CHANNEL, {"source_id": "key-1"}),
        ("4.3.0", "Channel::Whatsapp", {}),
        ("3.9.0", None, {}),
    ],
)
def test_our_mark_goes_where_it_does_no_harm(line, client, told, channel, mark):
    version(line, told)
    line.post(f"{ACCOUNT}/conversations/42/messages", json=message(501))
    made = client.messages.create(42, "Hello", effect_key="key-1", channel=channel)
    assert made.id == 501
    assert sent(line) == {"content": "Hello", "message_type": "outgoing", "private": False} | mark


def test_a_note_is_private(line, client):
    version(line, "4.14.0")
    line.post(f"{ACCOUNT}/conversations/42/messages", json=message(501, private=True))
    made = client.messages.create(42, "note", private=True, effect_key="k", channel=WEB_WIDGET)
    assert made.private and sent(line)["private"] is True


def test_a_thread_is_opened_in_the_bots_name(line, client):
    line.post(
        f"{ACCOUNT}/conversations/42/toggle_status", json={"payload": {"current_status": "open"}}
    )
    assert client.toggle_status(42, "open", as_bot=True) == "open"
    assert line.calls[-1].request.headers["Api-Access-Token"] == "bot-token-0123456789"


def test_without_a_bot_token_nothing_is_sent_as_bot(line):
    with pytest.raises(Denied):
        Client(BASE, 7, TOKEN).toggle_status(42, "open", as_bot=True)
    assert not line.calls


def look_up(client, **other):
    return client.messages.find(
        42, 10, **{
            "effect_key": "key-1", "content": "Your phone is ready.", "private": False,
            "not_before": FIRST_TRY, "has_mark": True,
        } | other
    )  # fmt: skip


@pytest.mark.parametrize(
    "mark", [{"content_attributes": {"mendline": "key-1"}}, {"source_id": "key-1"}]
)
def test_a_marked_message_is_found_beyond_the_first_window(line, client, mark):
    messages(line, [message(n) for n in range(11, 111)], after="10")
    messages(line, [message(111), message(112, content="rendered", **mark)], after="110")
    assert look_up(client).id == 112


def test_the_same_words_are_no_proof_where_the_mark_was_sure(line, client):
    messages(line, [message(11)], after="10")
    assert look_up(client) is None


@pytest.mark.parametrize(
    ("told", "channel", "sure"),
    [
        (None, WEB_WIDGET, True),
        (None, "Channel::Whatsapp", False),
        ("4.14.0", "Channel::Whatsapp", True),
        ("4.3.0", "Channel::Whatsapp", False),
    ],
)
def test_a_mark_is_sure_only_beside_a_release_known_to_keep_it(line, client, told, channel, sure):
    if told:
        version(line, told)
        client.installation.version()
    assert client.messages.surely_marks(channel) is sure


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({}, True),
        ({"content": "Your phone is ready.\n"}, True),
        ({"content": "Your phone is read"}, False),
        ({"message_type": 0}, False),
        ({"private": True}, False),
        ({"source_id": "another-effect"}, False),
        ({"content_attributes": {"mendline": "another-effect"}}, False),
        ({"created_at": int(FIRST_TRY.timestamp()) - 60}, False),
    ],
)
def test_without_marks_words_and_time_decide(line, client, row, found):
    messages(line, [message(11, **row)], after="10")
    assert (look_up(client, has_mark=False) is not None) is found


def test_writes_on_conversations_and_contacts(line, client):
    line.post(f"{ACCOUNT}/conversations/42/custom_attributes", json={"custom_attributes": {"a": 1}})
    assert client.set_conversation_attributes(42, {"a": 1}) == {"a": 1}
    assert sent(line) == {"custom_attributes": {"a": 1}}
    line.post(f"{ACCOUNT}/conversations/42/labels", json={"payload": ["vip"]})
    assert client.set_labels(42, ["vip"]) == ["vip"]
    assert sent(line) == {"labels": ["vip"]}
    line.post(
        f"{ACCOUNT}/conversations/42/toggle_status",
        json={"payload": {"success": None, "current_status": "open"}},
    )
    assert client.toggle_status(42, "open", as_bot=True) == "open"
    assert sent(line) == {"status": "open"}
    line.patch(f"{ACCOUNT}/contacts/17", json={"payload": {"id": 17}})
    assert client.update_contact(17, custom_attributes={"open_repairs": 2}) == {"id": 17}
    assert sent(line) == {"custom_attributes": {"open_repairs": 2}}
    line.post(f"{ACCOUNT}/contacts/17/destroy_custom_attributes", json={"payload": {"id": 17}})
    client.destroy_contact_attributes(17, ["quote_due"])
    assert sent(line) == {"custom_attributes": ["quote_due"]}
