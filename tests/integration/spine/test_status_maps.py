"""Shop systems speak their own names for the statuses; a key's map says what they mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bridge.cli import records
from crm.core.events import SYSTEM
from crm.repairs import status_maps
from crm.repairs.status_maps import Meaning
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.staff import service as staff


@pytest.fixture
def till(mendline):
    """A key that speaks as RepairDesk does."""
    key = mendline.shop_key()
    give(mendline, key, base="repairdesk")
    return key


def give(mendline, key, **told):
    with mendline.units() as uow:
        status_maps.set_map(uow, SYSTEM, key.id, **told)


def state(mendline, external_id="J-1"):
    query = "SELECT status, flags FROM repairs WHERE external_id = :id"
    ((status, flags),) = mendline.table(query, id=external_id)
    return status, flags


def report(mendline, key, status, **data):
    answer = mendline.report(key, "repair.status_changed", external_id="J-1", status=status, **data)
    mendline.settle()
    return answer


@pytest.fixture
def admin(mendline):
    """Calls the API as an admin."""
    with mendline.units() as uow:
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="boss", role="admin").key
    headers = {"Authorization": f"Bearer {key}"}

    def call(method, path, **kwargs):
        return mendline.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    return call


def test_a_repair_goes_through_by_foreign_names(mendline, till):
    answer = mendline.report(till, "repair.created", external_id="J-1", status="pending")
    assert answer.status_code == 202, answer.text
    mendline.settle()
    assert state(mendline) == ("received", [])
    for name, status, flags in (
        ("Diagnosis - In Progress", "diagnosing", []),
        ("APPROVAL  REQUIRED", "diagnosing", ["awaiting_approval"]),
        ("waiting for parts", "waiting_parts", []),
        ("In Progress", "repairing", []),
        ("on hold", "repairing", ["on_hold"]),
        ("testing", "testing", []),
        ("Repaired & Collected", "delivered", []),
    ):
        assert report(mendline, till, name).status_code == 202
        assert state(mendline) == (status, flags), name
    assert not mendline.unfinished()


def test_flags_of_others_stay(mendline, till):
    mendline.report(till, "repair.created", external_id="J-1", status="Pending")
    mendline.settle()
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE repairs SET flags = '[\"in_storage\"]'"))
    report(mendline, till, "On Hold")
    assert state(mendline)[1] == ["in_storage", "on_hold"]
    report(mendline, till, "In Progress")
    assert state(mendline)[1] == ["in_storage"]


def test_a_repair_may_begin_with_a_flag(mendline, till):
    mendline.report(till, "repair.created", external_id="J-1", status="On Hold")
    mendline.settle()
    assert state(mendline) == ("received", ["on_hold"])


def test_late_news_sets_no_flags(mendline, till):
    mendline.report(till, "repair.created", external_id="J-1", status="Pending", version=1)
    mendline.settle()
    report(mendline, till, "In Progress", version=5)
    report(mendline, till, "On Hold", version=4)
    assert state(mendline) == ("repairing", [])
    report(mendline, till, "On Hold", version=6)
    assert state(mendline) == ("repairing", ["on_hold"])


def test_late_by_the_clock_sets_no_flags(mendline, till):
    mendline.report(till, "repair.created", external_id="J-1", status="Pending")
    mendline.settle()
    report(mendline, till, "In Progress")
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    report(mendline, till, "On Hold", occurred_at=before)
    assert state(mendline) == ("repairing", [])


@pytest.mark.parametrize("kind", ["repair.created", "repair.status_changed"])
@pytest.mark.parametrize(
    "name",
    ["Gone fishing", "<script>", "{{ 7 }}", "\u202eyadot", "🙂", "a\x00b", "x" * 10_000, "", 7],
)
def test_unknown_names_are_refused_at_the_door(mendline, till, kind, name):
    answer = mendline.report(till, kind, external_id="J-1", status=name)
    assert answer.status_code == 422, answer.text
    (told,) = answer.json["errors"]["data"]["status"]
    if isinstance(name, str) and 0 < len(name) < 100 and "\x00" not in name:
        assert "Waiting for Parts" in told and "ready_pickup" in told
    assert mendline.count("inbox", "source = 'shop'") == 0


def test_without_a_map_only_our_names_count(mendline):
    key = mendline.shop_key()
    answer = mendline.report(key, "repair.created", external_id="J-1", status="Pending")
    assert answer.status_code == 422 and "received" in answer.text


def test_a_map_changed_meanwhile_parks_the_row(mendline, till):
    mendline.report(till, "repair.created", external_id="J-1", status="Pending")
    give(mendline, till, base=None)
    mendline.settle()
    assert mendline.count("repairs") == 0
    assert [row[2] for row in mendline.unfinished()] == ["dead"]


def test_own_entries_by_the_api(mendline, admin):
    made = admin("POST", "/keys", json={"name": "t", "role": "shop", "status_map": "repairshopr"})
    assert made.status_code == 201, made.text
    path = f"/keys/{made.json['id']}/status-map"
    shown = admin("GET", path).json
    assert shown["base"] == "repairshopr" and "Invoiced" in shown["understood"]
    assert shown["ready_made"] == ["repairdesk", "repairshopr"]
    entry = {"name": "Resolved", "status": "completed", "flags": []}
    answer = admin("PUT", path, json={"base": "repairshopr", "statuses": [entry]})
    assert answer.status_code == 200, answer.text
    assert answer.json["statuses"] == [entry]
    key = replace(
        mendline.shop_key(), id=made.json["id"], webhook_secret=made.json["webhook_secret"]
    )
    mendline.report(key, "repair.created", external_id="J-1", status="resolved")
    mendline.settle()
    assert state(mendline) == ("completed", [])


@pytest.mark.parametrize(
    "body",
    [
        {"base": "nothing-like-it"},
        {"base": "x" * 10_000},
        {"statuses": [{"name": "Paid", "status": "paid"}]},
        {"statuses": [{"name": "Paid", "flags": ["paid"]}]},
        {"statuses": [{"name": "", "status": "testing"}]},
        {"statuses": [{"name": "   ", "status": "testing"}]},
        {"statuses": [{"name": "a\x00b", "status": "testing"}]},
        {"statuses": [{"name": "x" * 101, "status": "testing"}]},
        {"statuses": [{"name": "Ready Pickup", "status": "testing"}, {"name": "READYPICKUP"}]},
        {"statuses": [{"name": " received ", "status": "testing"}]},
        {"statuses": [{"name": str(number)} for number in range(101)]},
        {"statuses": {"Paid": "testing"}},
        {"map": "repairdesk"},
    ],
)
def test_hostile_maps_are_refused(mendline, admin, till, body):
    answer = admin("PUT", f"/keys/{till.id}/status-map", json=body)
    assert answer.status_code == 422, answer.text
    assert admin("GET", f"/keys/{till.id}/status-map").json["base"] == "repairdesk"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{ 7 }}", "🙂", "\u202eydaer"])
def test_odd_names_are_names(mendline, admin, till, name):
    body = {"statuses": [{"name": name, "status": "testing"}]}
    assert admin("PUT", f"/keys/{till.id}/status-map", json=body).status_code == 200
    mendline.report(till, "repair.created", external_id="J-1", status=name)
    mendline.settle()
    assert state(mendline) == ("testing", [])


def test_only_shop_keys_have_a_map(mendline, admin):
    with mendline.units() as uow:
        desk = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="d", role="desk")
    answer = admin("PUT", f"/keys/{desk.id}/status-map", json={"base": "repairdesk"})
    assert answer.status_code == 409 and answer.json["code"] == "not-a-shop-key"
    assert admin("GET", "/keys/key_none/status-map").status_code == 404


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("On the bench=repairing", Meaning("On the bench", RepairStatus.REPAIRING)),
        ("A=B=,on_hold", Meaning("A=B", None, (RepairFlag.ON_HOLD,))),
        (
            "Paused = testing , on_hold",
            Meaning("Paused", RepairStatus.TESTING, (RepairFlag.ON_HOLD,)),
        ),
    ],
)
def test_entries_on_the_command_line(told, wanted):
    assert records._entry(told) == wanted


@pytest.mark.parametrize("told", ["nothing", "A=paid", "A=testing,paid", "=x"])
def test_broken_entries_on_the_command_line(told):
    with pytest.raises(records.Invalid):
        records._entry(told)
