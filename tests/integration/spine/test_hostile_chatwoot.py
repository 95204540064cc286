"""Hostile deliveries at Chatwoot's address: interface.md's answers, nothing half-written."""

from __future__ import annotations

import copy
import hashlib
import json
import time

import pytest

from bridge.web import MOST_BODY_BYTES
from chatwoot import verify
from crm.core import inbox
from tests import builders
from tests.service import running

OTHER_SECRET = "another-secret-of-24-signs"
BODY = json.dumps(builders.event("conversation_created", builders.conversation(4001))).encode()
ODD = [
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    2**63,
    "",
    "x",
    "\x00",
    "\ud800",
    "A" * 70_000,
    [],
    [[]],
    [None],
    {},
    {"a": []},
]


def _signed_with(**changes):
    headers = builders.signed(BODY) | {k.replace("_", "-"): v for k, v in changes.items()}
    return [(name, value) for name, value in headers.items() if value is not None]


def _doubled(other_first):
    headers = list(builders.signed(BODY).items())
    other = ("X-Chatwoot-Signature", builders.signed(BODY, OTHER_SECRET)["X-Chatwoot-Signature"])
    return [other, *headers] if other_first else [*headers, other]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (lambda: list(builders.signed(BODY).items()), 202),
        (lambda: list(builders.signed(BODY, at=time.time() - 290).items()), 202),
        (lambda: list(builders.signed(BODY, at=time.time() + 290).items()), 202),
        (lambda: list(builders.signed(BODY, at=time.time() - 310).items()), 401),
        (lambda: list(builders.signed(BODY, at=time.time() + 310).items()), 401),
        (lambda: list(builders.signed(BODY, OTHER_SECRET).items()), 401),
        (lambda: list(builders.signed(BODY + b" ").items()), 401),
        (lambda: _signed_with(X_Chatwoot_Signature=None), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp=None), 401),
        (lambda: _signed_with(X_Chatwoot_Signature=""), 401),
        (lambda: _signed_with(X_Chatwoot_Signature="sha256="), 401),
        (lambda: _signed_with(X_Chatwoot_Signature="sha256=\u00e9" * 9), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp=""), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp="-5"), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp="1e9"), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp="9" * 400), 401),
        (lambda: _signed_with(X_Chatwoot_Timestamp="\u00b2"), 401),
        (lambda: _doubled(other_first=True), 401),
        (lambda: _doubled(other_first=False), 401),
        (lambda: _signed_with(X_Chatwoot_Delivery="d" * 5000), 202),
        (lambda: _signed_with(X_Chatwoot_Delivery=None), 202),
        (lambda: _signed_with(Content_Type="text/plain"), 415),
        (lambda: _signed_with(Content_Type=None), 415),
    ],
)
def test_proofs(mendline, headers, status):
    answer = mendline.http.post("/webhooks/chatwoot", data=BODY, headers=headers())
    assert answer.status_code == status
    assert mendline.count("inbox") == (status == 202)


def test_a_captured_signature_opens_no_other_door(mendline):
    headers = builders.signed(BODY)
    assert mendline.post(BODY, headers, "/webhooks/chatwoot/bot").status_code == 401
    assert mendline.post(BODY, headers, "/webhooks/shops/abc").status_code == 401
    assert mendline.http.get("/webhooks/chatwoot").status_code == 405


def test_both_secrets_hold_during_a_rotation(db):
    both = f"{OTHER_SECRET},{builders.WEBHOOK_SECRET}"
    with running(db, CHATWOOT_WEBHOOK_SECRET=both) as service:
        for secret, status in (
            (OTHER_SECRET, 202),
            (builders.WEBHOOK_SECRET, 202),
            ("x" * 24, 401),
        ):
            raw = json.dumps(builders.event("contact_created", builders.contact())).encode()
            assert service.post(raw, builders.signed(raw, secret)).status_code == status


def test_sizes(mendline):
    def padded(size):
        head = b'{"event":"conversation_typing_on","pad":"'
        return head + b"p" * (size - len(head) - 2) + b'"}'

    whole, over = padded(MOST_BODY_BYTES), padded(MOST_BODY_BYTES + 1)
    assert MOST_BODY_BYTES == len(whole) == 1024 * 1024
    assert mendline.post(whole, builders.signed(whole)).status_code == 200
    assert mendline.post(over, builders.signed(over)).status_code == 413
    assert mendline.count("inbox") == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"{}}", b"null", b"[]", b'"x"', b"7", b"\xff\xfe{}", b'{"event": NaN}',
        b'{"event":"conversation_created","id":Infinity}', b'{"id": 1e999}', b"[" * 100_000, b'{"a":' * 100_000,
        b'{"id":' + b"9" * 5000 + b"}", b"\x00", b"{'event':'x'}",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(mendline, raw):
    answer = mendline.post(raw, builders.signed(raw))
    assert answer.status_code == 400
    assert answer.json["code"] == "broken-body"
    assert mendline.count("inbox") == 0


def test_unknown_events_are_stored_and_ignored(mendline):
    names = ["contact_merged", "", "\x00", "\ud800", "é", 7, None, [], {"event": "x"}, "e" * 5000,
             "conversation_fetched2", "webwidget_triggered"]  # fmt: skip
    for name in names:
        raw = json.dumps({"event": name, "id": 5}).encode()
        answer = mendline.post(raw, builders.signed(raw))
        assert (answer.status_code, answer.json["status"]) == (200, "ignored"), name
    assert mendline.count("inbox", "state = 'ignored'") == len(names)


def test_unknown_statuses_are_kept_but_move_nothing(mendline):
    thread = builders.conversation(4002, at=time.time())
    mendline.hear("conversation_created", thread)
    later = thread | {"status": "quarantined", "updated_at": thread["updated_at"] + 1}
    mendline.hear("conversation_updated", later)
    mendline.take_in()
    assert mendline.one("SELECT status FROM tickets") == "open"
    assert mendline.one("SELECT status FROM conversations") == "quarantined"


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _paths(value[0], (*path, 0))


def _with(body, path, value):
    changed = copy.deepcopy(body)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def _specimens():
    thread = builders.conversation(
        4003, assignee="Noor Haddad", labels=["vip"], priority="high",
        sender=builders.contact(
            77, email="i@example.org", phone_number="+447700900123", identifier="CUS-1"
        ),
        messages=[{"id": 1, "status": "sent"}],
    )  # fmt: skip
    attachment = {
        "id": 1,
        "file_type": "image",
        "extension": None,
        "data_url": "http://x",
        "file_size": 9,
    }
    words = builders.message(
        thread,
        "hello",
        attachments=[attachment],
        content_attributes={"in_reply_to": 5, "submitted_values": {}},
    )
    yield "conversation_created", thread
    yield "conversation_updated", thread
    yield "message_created", words
    yield "message_updated", words
    yield "contact_created", thread["meta"]["sender"]


@pytest.mark.parametrize(
    ("name", "body"), list(_specimens()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_wrong_types_in_every_field(mendline, name, body):
    """Each is either handled whole, or parked with the field's name and no other trace."""
    raws = []
    for path in _paths(body):
        # Deep fields share their types with upper ones: a sample of odd values will do.
        for value in () if not path else ODD if len(path) == 1 else ODD[len(path) :: 4]:
            raws.append(json.dumps(builders.event(name, _with(body, path, value))).encode())
    delivery = inbox_delivery(name)
    with mendline.units() as uow:
        for raw in raws:
            inbox.store(uow, delivery(raw))
    mendline.take_in()
    states = dict(mendline.table("SELECT state, count(*) FROM inbox GROUP BY 1"))
    assert set(states) <= {"done", "dead"} and states["done"] > 10
    reasons = mendline.column("SELECT DISTINCT reason FROM inbox WHERE state = 'dead'")
    assert reasons and all(reason.startswith("invalid: body does not fit: ") for reason in reasons)
    assert mendline.count("tickets") == mendline.count("conversations")


def test_wrong_types_are_answered_without_a_fault(mendline):
    for name, body in _specimens():
        for path in list(_paths(body))[1:]:
            answer = mendline.hear(name, _with(body, path, {"\ud800": ["\x00", 10**400]}))
            assert answer.status_code in (200, 202), (name, path)


def inbox_delivery(name):
    """The rows as the door would store them; the door itself is tested above."""

    def deliver(raw):
        body = json.loads(raw)
        return inbox.Delivery(
            source="chatwoot", sender="1", type=name, subject=verify.subject_of(1, name, body),
            key=hashlib.sha256(raw).hexdigest(), body=raw,
        )  # fmt: skip

    return deliver


def test_nested_deep_but_readable(mendline):
    thread = builders.conversation(4004)
    thread["additional_attributes"] = deep = {}
    for _ in range(300):
        deep["a"] = deep = {}
    words = builders.message(
        thread, content_attributes={"submitted_values": thread["additional_attributes"]}
    )
    mendline.hear("message_created", words)
    mendline.take_in()
    assert mendline.column("SELECT state FROM inbox") == ["done"]
    assert mendline.count("ticket_messages") == 1


def test_words_of_every_kind_are_kept(mendline):
    thread = builders.conversation(4005, sender=builders.contact(name="\x00Bo\ud800"))
    kept = {"<script>": "<script>", "a\r\nb": "a\r\nb", "{{contact.email}}": "{{contact.email}}",
            "nul\x00": "nul", "half \ud83d": "half ?", "😀": "😀"}  # fmt: skip
    for words in kept:
        mendline.hear("message_created", builders.message(thread, words))
    mendline.take_in()
    assert mendline.column("SELECT body FROM ticket_messages ORDER BY id") == list(kept.values())
    assert mendline.column("SELECT name FROM customers") == ["Bo?"]
