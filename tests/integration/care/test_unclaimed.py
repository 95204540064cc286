"""Devices nobody collects: reminders once each, storage, and what stops the clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.bookings import opening
from crm.locations import directions
from crm.repairs import service as repairs
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag
from crm.unclaimed.round import Round
from tests.builders import STAFF
from tests.integration.intake.acts import move


def zone_at(hour: int) -> ZoneInfo:
    """A zone whose clock shows that hour now."""
    behind = (datetime.now(UTC).hour - hour + 12) % 24 - 12
    return ZoneInfo(f"Etc/GMT{behind:+d}" if behind else "Etc/GMT")


def go_round(mendline, hour: int = 12) -> int:
    parts = mendline.parts
    acted = Round(parts.units, replace(parts.shop, timezone=zone_at(hour))).run()
    mendline.settle()
    return acted


def ready_since(mendline, ref: str, days: int) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE repairs SET status_at = %s WHERE ref = %s", (at, ref)
        )


def reminders(mendline, number: int) -> list[str]:
    return [one for one in mendline.told(number) if "waits for you" in one]


@pytest.fixture
def ready(mendline, bench, thread):
    """(number, reference) of a repair that is ready."""
    number, ref = thread
    assert move(bench, ref, "ready_pickup").status_code == 201
    mendline.settle()
    return number, ref


def steps(mendline) -> list[tuple]:
    query = "SELECT step, is_skipped FROM unclaimed_steps ORDER BY id"
    return [tuple(one) for one in mendline.table(query)]


def test_a_reminder_reaches_the_thread_once(mendline, ready):
    number, ref = ready
    ready_since(mendline, ref, 2)
    assert go_round(mendline) == 0
    ready_since(mendline, ref, 3)
    with ThreadPoolExecutor(2) as pool:
        rounds = [Round(mendline.parts.units, replace(mendline.parts.shop, timezone=zone_at(12)))
                  for _ in range(2)]  # fmt: skip
        assert sum(pool.map(lambda one: one.run(), rounds)) == 1
    mendline.settle()
    assert go_round(mendline) == 0
    (told,) = reminders(mendline, number)
    assert ref in told and "3 days" in told and "/track/" in told
    assert any("pickup reminder" in note for note in mendline.notes(number))
    assert steps(mendline) == [("reminder_3", False)]


def test_after_an_outage_one_reminder_and_storage(mendline, bench, ready):
    number, ref = ready
    ready_since(mendline, ref, 45)
    assert go_round(mendline) == 1
    assert len(reminders(mendline, number)) == 1
    assert ("reminder_30", False) in steps(mendline) and ("reminder_3", True) in steps(mendline)
    assert bench("GET", f"/repairs/{ref}").json["flags"] == ["in_storage"]
    assert go_round(mendline) == 0


def test_nobody_is_written_to_at_night(mendline, ready):
    ready_since(mendline, ready[1], 4)
    assert go_round(mendline, hour=3) == go_round(mendline, hour=22) == 0
    assert go_round(mendline) == 1


def test_collected_or_cancelled_stops_it(mendline, role, bench, ready):
    number, ref = ready
    ready_since(mendline, ref, 4)
    flags(mendline, ref, "cancelled")
    assert go_round(mendline) == 0 and bench("GET", "/unclaimed").json["data"] == []
    flags(mendline, ref)
    move(bench, ref, "delivered")
    ready_since(mendline, ref, 40)
    assert go_round(mendline) == 0 and reminders(mendline, number) == []


def flags(mendline, ref: str, *names: str) -> None:
    with mendline.units() as uow:
        repairs.set_flags(uow, Address(ref=ref), [RepairFlag(one) for one in names], STAFF)


def test_on_hold_the_clock_stands(mendline, bench, ready):
    _, ref = ready
    flags(mendline, ref, "on_hold")
    ready_since(mendline, ref, 8)
    with mendline.units() as uow:
        at = datetime.now(UTC) - timedelta(days=6)
        uow.connection.exec_driver_sql(
            "UPDATE repair_history SET recorded_at = %s WHERE outcome = 'flags'", (at,)
        )
    (shown,) = bench("GET", "/unclaimed").json["data"]
    assert (shown["days"], shown["is_paused"]) == (2, True)
    assert go_round(mendline) == 0
    flags(mendline, ref)
    assert go_round(mendline) == 0
    (shown,) = bench("GET", "/unclaimed").json["data"]
    assert shown["days"] == 2 and shown["next"]["step"] == "reminder_3"
    assert (shown["next"]["day"], shown["next"]["on"] is not None) == (3, True)


def test_ready_again_counts_anew(mendline, bench, ready):
    number, ref = ready
    ready_since(mendline, ref, 4)
    assert go_round(mendline) == 1
    move(bench, ref, "testing", reason="one more test")
    move(bench, ref, "ready_pickup")
    assert go_round(mendline) == 0
    ready_since(mendline, ref, 5)
    assert go_round(mendline) == 1
    assert len(reminders(mendline, number)) == 2


def test_the_list_is_paged_the_longest_waiting_first(mendline, role, bench):
    desk = role("desk")
    refs = []
    for days in (1, 40, 12):
        ref = desk("POST", "/repairs", json={"device": "Pixel 8"}).json["ref"]
        move(bench, ref, "ready_pickup")
        ready_since(mendline, ref, days)
        refs.append(ref)
    first = bench("GET", "/unclaimed?limit=2").json
    rest = bench("GET", f"/unclaimed?limit=2&cursor={first['meta']['next_cursor']}").json
    listed = first["data"] + rest["data"]
    assert [one["repair"] for one in listed] == [refs[1], refs[2], refs[0]]
    assert [one["days"] for one in listed] == [40, 12, 1]
    assert role("shop")("GET", "/unclaimed").status_code == 403
    assert bench("GET", "/unclaimed?status=x").status_code == 422


def test_the_only_location_tells_where_and_when(mendline, ready):
    number, ref = ready
    with mendline.units() as uow:
        opening.furnish(uow, "Quay Phones", "Europe/Lisbon")
        uow.connection.exec_driver_sql("UPDATE locations SET address = '1 Quay'")
    ready_since(mendline, ref, 3)
    assert go_round(mendline) == 1
    (told,) = reminders(mendline, number)
    assert "Quay Phones, 1 Quay." in told and "Open: Mon–Fri 09:00–18:00, Sat 10:00–16:00" in told


def test_that_it_is_ready_is_told_with_where_and_when(mendline, bench, thread):
    number, ref = thread
    with mendline.units() as uow:
        opening.furnish(uow, "Quay Phones", "Europe/Lisbon")
        uow.connection.exec_driver_sql("UPDATE locations SET address = '1 Quay'")
    for status in ("completed", "ready_pickup"):
        assert move(bench, ref, status).status_code == 201
        mendline.settle()
    done, told = mendline.told(number)[-2:]
    assert "1 Quay" not in done and "1 Quay" in told
    assert "Open: Mon–Fri 09:00–18:00, Sat 10:00–16:00" in told


def test_days_are_told_in_runs():
    assert directions.spoken([0, 1, 2, 4, 6], "en_GB") == "Mon–Wed, Fri, Sun"
    assert directions.spoken([5], "en_GB") == "Sat"
