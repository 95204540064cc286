"""Hostile deliveries at a shop system's address: interface.md's answers, and the field at fault."""

from __future__ import annotations

import json
import time

import pytest

from bridge.web import MOST_BODY_BYTES
from crm.core.events import SYSTEM
from crm.staff import service as staff
from crm.staff.models import ApiKey
from tests import builders

BODY = builders.shop_event("repair.created", external_id="H-1")
ODD = [
    None,
    True,
    -1,
    1.5,
    10**30,
    2**63,
    "",
    "x",
    "\x00",
    "\ud800",
    "A" * 5000,
    [],
    [None],
    {},
    {"a": []},
]


@pytest.fixture
def shop(mendline):
    return mendline.shop_key()


def _post(mendline, key, raw, headers=None):
    headers = headers or builders.shop_signed(raw, key.webhook_secret)
    return mendline.post(raw, headers, f"/webhooks/shops/{key.id}")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda h, s: {}, 202),
        (lambda h, s: builders.shop_signed(BODY, s, at=time.time() - 290), 202),
        (lambda h, s: builders.shop_signed(BODY, s, at=time.time() - 310), 401),
        (lambda h, s: builders.shop_signed(BODY, s, at=time.time() + 310), 401),
        (lambda h, s: builders.shop_signed(BODY + b" ", s), 401),
        (lambda h, s: {"webhook-id": "another"}, 401),
        (lambda h, s: {"webhook-id": ""}, 401),
        (lambda h, s: builders.shop_signed(BODY, s, message_id="i" * 300), 401),
        (lambda h, s: {"webhook-timestamp": ""}, 401),
        (lambda h, s: {"webhook-timestamp": "9" * 300}, 401),
        (lambda h, s: {"webhook-signature": ""}, 401),
        (lambda h, s: {"webhook-signature": "v1,"}, 401),
        (lambda h, s: {"webhook-signature": h["webhook-signature"].replace("v1,", "v2,")}, 401),
        (lambda h, s: {"webhook-signature": "v1,AAAA " + h["webhook-signature"]}, 202),
        (lambda h, s: {"webhook-signature": "v1,AAAA " * 50 + h["webhook-signature"]}, 401),
        (lambda h, s: {"Content-Type": "text/plain"}, 415),
    ],
)
def test_proofs(mendline, shop, change, status):
    headers = builders.shop_signed(BODY, shop.webhook_secret)
    answer = _post(mendline, shop, BODY, headers | change(headers, shop.webhook_secret))
    assert answer.status_code == status
    assert mendline.count("inbox") == (status == 202)


@pytest.mark.parametrize("key_id", ["nobody", "%00", "%ff", "..", "x" * 3000, "a%2Fb", "'--"])
def test_unknown_keys_are_refused_alike(mendline, shop, key_id):
    headers = builders.shop_signed(BODY, shop.webhook_secret)
    assert mendline.post(BODY, headers, f"/webhooks/shops/{key_id}").status_code in (401, 404)


def test_a_revoked_key_and_a_key_of_another_role_prove_nothing(mendline, shop):
    with mendline.units() as uow:
        staff.revoke_key(uow, SYSTEM, shop.id)
    assert _post(mendline, shop, BODY).status_code == 401


def test_both_secrets_hold_during_a_rotation(mendline, shop):
    with mendline.units() as uow:
        fresh = staff.rotate_secret(uow, mendline.parts.seal, SYSTEM, shop.id)
    new = fresh if isinstance(fresh, str) else fresh.webhook_secret
    for secret in (shop.webhook_secret, new):
        raw = builders.shop_event("repair.created", external_id=secret[-4:])
        assert _post(mendline, shop, raw, builders.shop_signed(raw, secret)).status_code == 202


def test_a_known_id_with_another_body_is_refused(mendline, shop):
    def send(external_id, message_id):
        return mendline.report(
            shop, "repair.created", message_id=message_id, external_id=external_id
        )

    first = send("H-1", "m1")
    assert (first.status_code, first.json["status"]) == (202, "accepted")
    other = send("H-2", "m1")
    assert (other.status_code, other.json["code"]) == (422, "key-reused")
    raw = builders.shop_event("repair.created", external_id="H-3")
    headers = builders.shop_signed(raw, shop.webhook_secret)
    assert [_post(mendline, shop, raw, headers).status_code for _ in range(3)] == [202, 200, 200]
    mendline.take_in()
    assert mendline.column("SELECT external_id FROM repairs ORDER BY id") == ["H-1", "H-3"]
    neighbour = mendline.shop_key("another shop")
    assert (
        mendline.report(neighbour, "repair.created", message_id="m1", external_id="H-9").status_code
        == 202
    )


def test_a_version_told_twice_is_a_duplicate(mendline, shop):
    mendline.report(shop, "repair.created", external_id="H-1")
    said = {"external_id": "H-1", "status": "testing", "version": 3}
    answers = [mendline.report(shop, "repair.status_changed", **said) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 200, 200]


def test_sizes(mendline, shop):
    def padded(size):
        head = b'{"type":"stock.counted","data":{"pad":"'
        return head + b"p" * (size - len(head) - 3) + b'"}}'

    assert _post(mendline, shop, padded(MOST_BODY_BYTES)).status_code == 200
    assert _post(mendline, shop, padded(MOST_BODY_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400), (b"{", 400), (b"null", 400), (b"[]", 400), (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"type":"repair.created","data":{"version":NaN}}', 400),
        (b'{"type":"repair.created","data":{"version":' + b"9" * 5000 + b"}}", 400),
        (b"{}", 422), (b'{"type":7}', 422), (b'{"type":""}', 422), (b'{"type":"\\u0000"}', 422),
        (b'{"type":"\\ud800"}', 422), (b'{"type":"repair.created"}', 422),
        (b'{"type":"repair.created","data":[]}', 422),
        (b'{"type":"repair.created","data":{}}', 422),
        (b'{"type":"stock.counted","data":[]}', 200), (b'{"type":"\\u00e9v\\u00e9nement"}', 200),
    ],
)  # fmt: skip
def test_bodies(mendline, shop, raw, status):
    answer = _post(mendline, shop, raw)
    assert answer.status_code == status
    if status == 422:
        assert answer.json["errors"]
    assert mendline.count("inbox") == (status == 200)


CUSTOMER = {"name": "Bo", "email": "bo@example.org", "phone": "+447700900123", "locale": "en"}
SPECIMENS = {
    "repair.created": {
        "external_id": "H-1", "device": "Phone", "problem": "glass",
        "status": "received", "version": 1,
        "occurred_at": "2026-01-05T10:00:00Z", "note": "n", "technician": "t",
        "estimated_completion": "2026-01-09", "estimate_minor": 4500, "customer": CUSTOMER,
        "ticket": None, "conversation_id": None,
    },
    "repair.status_changed": {
        "external_id": "H-1", "ref": None, "status": "testing", "version": 2, "note": "n",
        "occurred_at": "2026-01-05T10:00:00Z", "internal_note": "i", "technician": "t",
        "estimated_completion": "2026-01-09", "reason": "r",
    },
    "repair.note_added": {"external_id": "H-1", "note": "n", "internal_note": "i"},
    "repair.estimate_changed": {
        "external_id": "H-1", "estimated_completion": "2026-01-09", "estimate_minor": 1,
    },
    "part.ordered": {"external_id": "H-1", "part": "glass", "expected_on": "2026-01-09"},
    "part.arrived": {"external_id": "H-1", "part": "glass"},
}  # fmt: skip


def test_every_specimen_is_taken(mendline, shop):
    for kind, data in SPECIMENS.items():
        assert mendline.report(shop, kind, **data).status_code == 202
        mendline.take_in()
    assert mendline.count("inbox", "state <> 'done'") == 0
    outcomes = mendline.column("SELECT outcome FROM repair_history ORDER BY id")
    assert outcomes == ["created", "moved", "note", "estimate", "part_ordered", "part_arrived"]


@pytest.mark.parametrize("kind", SPECIMENS)
def test_wrong_types_in_every_field(mendline, shop, kind):
    """Refused with the field's name, or accepted and handled; never stored and then stuck."""
    builders_made = mendline.report(shop, "repair.created", external_id="H-1")
    assert builders_made.status_code == 202
    changes = [({name: value}, name) for name in SPECIMENS[kind] for value in ODD]
    if kind == "repair.created":
        changes += [
            ({"customer": CUSTOMER | {name: value}}, "customer")
            for name in CUSTOMER
            for value in ODD
        ]
    for change, name in changes:
        answer = mendline.report(shop, kind, **(SPECIMENS[kind] | change))
        assert answer.status_code in (200, 202, 422), change
        if answer.status_code == 422:
            assert {name, "ref"} & set(answer.json["errors"]["data"]), change
    mendline.take_in()
    left = mendline.table("SELECT reason, state FROM inbox WHERE state <> 'done'")
    assert all(reason.startswith("unknown-parent") for reason, _ in left), left


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00Z", "now",
     "2026-01-05T10:00:00", 1767607200],
)  # fmt: skip
def test_moments_no_calendar_holds_are_refused(mendline, shop, moment):
    answer = mendline.report(shop, "repair.created", external_id="H-1", occurred_at=moment)
    assert answer.status_code == 422
    assert answer.json["errors"]["data"]["occurred_at"]


def test_unknown_statuses_and_unnamed_repairs_are_refused(mendline, shop):
    for data in (
        {"external_id": "H-1", "status": "exploded"},
        {"status": "testing"},
        {"external_id": "H-1"},
    ):
        assert mendline.report(shop, "repair.status_changed", **data).status_code == 422
    assert json.loads(BODY)["data"] and mendline.count("inbox") == 0


def test_only_a_shop_key_may_report(mendline):
    """A key that may read must not move repairs through the back door."""
    with mendline.units() as uow:
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="screen", role="viewer")
        stored = uow.session.get_one(ApiKey, key.id)
        secret = mendline.parts.seal.open(stored.webhook_secret)
    raw = builders.shop_event("repair.created", external_id="V-1")
    answer = mendline.post(raw, builders.shop_signed(raw, secret), f"/webhooks/shops/{key.id}")
    assert answer.status_code == 401 and key.webhook_secret is None
    assert mendline.count("inbox") == 0
