"""Dead letters by API: seen masked, replayed under their keys, discarded with a reason."""

import json

import pytest
from sqlalchemy import text

from crm.core import deadletters, inbox, outbox
from crm.core.deadletters import Filter
from crm.core.events import SYSTEM
from crm.core.inbox import Delivery

BODY = {
    "event": "message_created", "content": "please call me on +44 20 7946 0018 " + "x" * 60,
    "sender": {"email": "jane.doe@mail.example", "phone_number": "+442079460018"},
    "access_token": "abcdef", "id": 7,
}  # fmt: skip


@pytest.fixture
def dead_inbox(units, engine) -> list[int]:
    with units() as uow:
        ids = [
            inbox.store(
                uow,
                Delivery("chatwoot", "1", "message_created", f"c/{n}", f"k{n}",
                         json.dumps(BODY).encode()),
            ).id
            for n in range(3)
        ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE inbox SET state = 'dead', attempts = 9, errors = 5, lost_leases = 2,
                    reason = 'poison: handler error', done_at = now()""")
        )
    return ids


@pytest.fixture
def owe(units, engine):
    def make(key: str, *, tried: bool = False, sync: bool = False, state: str = "dead") -> int:
        with units() as uow:
            if sync:
                row_id = outbox.sync(uow, "chatwoot.contact", key, {"id": 1})
            else:
                row_id = outbox.send(uow, "chatwoot.message", key, {"content": "hi"}, lane=key)
        with engine.begin() as connection:
            connection.execute(
                text("""UPDATE outbox SET state = :state, reason = 'gave up', attempts = 3,
                        first_tried_at = CASE WHEN :tried THEN now() END WHERE id = :id"""),
                {"id": row_id, "tried": tried, "state": state},
            )
        return row_id

    return make


def test_bodies_are_masked(admin, dead_inbox):
    row = admin("GET", f"/api/v1/ops/deliveries/{dead_inbox[0]}").json
    assert row["state"] == "dead" and row["body"]["id"] == 7
    shown = json.dumps(row["body"])
    for secret in ("7946", "jane.doe", "abcdef", "x" * 50):
        assert secret not in shown


def test_filters_narrow_the_list(admin, dead_inbox):
    def ids(query: str) -> list[int]:
        return [row["id"] for row in admin("GET", f"/api/v1/ops/deliveries?{query}").json["data"]]

    assert ids("state=dead&reason=poison") == dead_inbox[::-1]
    assert ids("source=chatwoot&type=message_created&sender=1&since=2020-01-01T00:00:00Z") != []
    for nothing in ("state=done", "source=shop", "reason=p%25n", "until=2020-01-01T00:00:00Z"):
        assert ids(nothing) == []


def test_replay_starts_afresh_under_the_same_keys(admin, dead_inbox, engine, rung):
    rung.clear()
    answer = admin("POST", f"/api/v1/ops/deliveries/{dead_inbox[0]}/replay")
    assert answer.status_code == 200
    row = answer.json
    assert (row["state"], row["attempts"], row["errors"], row["lost_leases"]) == (
        "pending",
        0,
        0,
        0,
    )
    assert (row["delivery_key"], row["done_at"]) == ("k0", None)
    assert rung == [([dead_inbox[0]], [])]
    again = admin("POST", f"/api/v1/ops/deliveries/{dead_inbox[0]}/replay")
    assert (again.status_code, again.json["code"]) == (409, "not-replayable")
    assert admin("GET", "/api/v1/audit").json["data"][0]["action"] == "inbox.replay"


def test_bulk_replay_is_paced_and_can_be_rehearsed(admin, dead_inbox, engine, units, rung):
    rung.clear()
    rehearsal = admin(
        "POST", "/api/v1/ops/deliveries/replay", json={"source": "chatwoot", "dry_run": True}
    )
    assert rehearsal.json == {"matched": 3, "changed": 0, "ids": dead_inbox}
    assert admin("GET", "/api/v1/ops/deliveries?state=dead").json["data"]
    with units() as uow:
        where = Filter(state="done", source="shop")
        assert deadletters.replay_many(uow, "inbox", where, SYSTEM, dry_run=True).matched == 0
        where = Filter(state="done", source="chatwoot")
        assert deadletters.replay_many(uow, "inbox", where, SYSTEM, dry_run=True).matched == 3
    done = admin("POST", "/api/v1/ops/deliveries/replay", json={"reason": "poison"})
    assert done.json["changed"] == 3
    with engine.connect() as connection:
        due = connection.execute(text("SELECT due_at FROM inbox ORDER BY id")).scalars().all()
    apart = [
        (later - earlier).total_seconds() for earlier, later in zip(due, due[1:], strict=False)
    ]
    assert all(0.09 < gap < 0.5 for gap in apart)
    assert rung == [([dead_inbox[0]], [])]


def test_a_send_that_was_tried_is_looked_up_first(admin, owe):
    for key, tried, state in (("never", False, "pending"), ("tried", True, "unsure")):
        row_id = owe(key, tried=tried)
        assert admin("POST", f"/api/v1/ops/effects/{row_id}/replay").json["state"] == state


@pytest.mark.parametrize(
    ("reason", "context", "may_have_left"),
    [
        ("undecided: its worker died", '{"doubted": true}', True),
        ("permanent: no such thread", '{"doubted": true}', False),
        ("poison: its worker died", "{}", False),
    ],
)
def test_what_may_have_left_says_so(admin, owe, engine, reason, context, may_have_left):
    row_id = owe("k", tried=True)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE outbox SET reason = :reason, context = CAST(:context AS jsonb)"),
            {"reason": reason, "context": context},
        )
    assert admin("GET", f"/api/v1/ops/effects/{row_id}").json["may_have_left"] is may_have_left


def test_a_sync_gives_way_to_a_newer_one(admin, owe, units):
    row_id = owe("c1", sync=True)
    with units() as uow:
        assert outbox.sync(uow, "chatwoot.contact", "c1", {"id": 1})
    answer = admin("POST", f"/api/v1/ops/effects/{row_id}/replay")
    assert answer.json["state"] == "cancelled"


def test_two_dead_syncs_of_one_thing_become_one(admin, owe):
    owe("c2", sync=True), owe("c2", sync=True)
    assert admin("POST", "/api/v1/ops/effects/replay", json={}).status_code == 200
    rows = admin("GET", "/api/v1/ops/effects").json["data"]
    assert sorted(row["state"] for row in rows) == ["cancelled", "pending"]


def test_discard_needs_a_reason_and_keeps_it(admin, dead_inbox, owe):
    address = f"/api/v1/ops/deliveries/{dead_inbox[0]}/discard"
    assert admin("POST", address, json={}).status_code == 422
    row = admin("POST", address, json={"reason": "a test"}).json
    assert (row["state"], row["reason"]) == ("ignored", "discarded: a test")
    unsure = owe("u", tried=True, state="unsure")
    row = admin("POST", f"/api/v1/ops/effects/{unsure}/discard", json={"reason": "seen"}).json
    assert row["state"] == "cancelled"
    many = admin(
        "POST", "/api/v1/ops/deliveries/discard", json={"why": "old", "source": "chatwoot"}
    )
    assert many.json["changed"] == 2


def test_work_under_way_is_never_touched(admin, owe, rung):
    for state in ("pending", "sending", "done", "cancelled"):
        row_id = owe(state, state=state)
        for verb in ("replay", "discard"):
            answer = admin("POST", f"/api/v1/ops/effects/{row_id}/{verb}", json={"reason": "r"})
            assert answer.status_code == 409


def test_health_counts_what_is_not_finished(admin, dead_inbox, owe):
    owe("a", state="unsure", tried=True)
    owe("b", state="pending")
    health = admin("GET", "/api/v1/ops/health").json
    assert (health["dead"], health["unsure"]) == (3, 1)
    assert {"name": "chatwoot", "state": "dead"}.items() <= health["inbox"][0].items()
    assert health["inbox"][0]["count"] == 3
    assert health["lost_leases"] == 6
    assert health["outbox_oldest_seconds"] >= 0 and abs(health["drift_seconds"]) < 5
