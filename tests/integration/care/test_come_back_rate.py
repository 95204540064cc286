"""How much of the work came back under its warranty, counted by line."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crm.core.events import SYSTEM
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus
from crm.warranties import service
from crm.warranties.models import WarrantyLine
from tests import builders
from tests.service import Service

DAY = date(2026, 3, 10)


def handed_over(
    mendline: Service, technician: str | None, *slugs: str, on: date = DAY, months: int = 3
) -> str:
    """A delivered repair with these warranty lines."""
    until = on + timedelta(days=30 * months) if months else None
    with mendline.units() as uow:
        repair = builders.repair(uow)
        repair.status = RepairStatus.DELIVERED
        for slug in slugs:
            uow.session.add(
                WarrantyLine(
                    repair_id=repair.id, slug=slug, technician=technician, started_on=on,
                    work_until=until, part_until=None,
                )
            )  # fmt: skip
        return repair.ref


def back(mendline: Service, ref: str, *slugs: str) -> str:
    with mendline.units() as uow:
        return service.come_back(
            uow, Address(ref=ref), slugs, "again", SYSTEM, DAY + timedelta(days=9)
        ).ref


@pytest.fixture
def figures(role):
    def read(name: str = "manager", **query):
        query = query or {"from": "2026-03-01", "to": "2026-03-31"}
        return role(name)("GET", "/analytics/come-backs", query_string=query)

    return read


def test_by_repair_type_and_technician_with_rates_from_ten_lines_on(mendline, figures):
    refs = [handed_over(mendline, "Noor", "screen") for _ in range(9)]
    refs.append(handed_over(mendline, "Sam", "screen", "battery"))
    back(mendline, refs[0])
    back(mendline, refs[9], "battery")

    told = figures().json
    assert told["overall"] == {
        "name": None, "lines": 11, "came_back": 2, "rate": pytest.approx(2 / 11),
    }  # fmt: skip
    assert told["by_repair_type"] == [
        {"name": "screen", "lines": 10, "came_back": 1, "rate": 0.1},
        {"name": "battery", "lines": 1, "came_back": 1, "rate": None},
    ]
    assert told["by_technician"] == [
        {"name": "Noor", "lines": 9, "came_back": 1, "rate": None},
        {"name": "Sam", "lines": 2, "came_back": 1, "rate": None},
    ]


def test_a_line_that_came_back_twice_counts_once_and_a_cancelled_one_not(mendline, figures):
    twice, mistaken = (handed_over(mendline, None, "screen") for _ in range(2))
    first = back(mendline, twice)
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE repairs SET status = 'delivered' WHERE ref = %s", (first,)
        )
    back(mendline, twice)
    cancelled = back(mendline, mistaken)
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE repairs SET flags = '[\"cancelled\"]' WHERE ref = %s", (cancelled,)
        )
    told = figures().json
    assert told["overall"] == {"name": None, "lines": 2, "came_back": 1, "rate": None}
    assert told["by_technician"] == []


def test_only_of_work_with_a_warranty_and_of_these_days(mendline, figures):
    handed_over(mendline, "Noor", "screen")
    handed_over(mendline, "Noor", "data-recovery", months=0)
    for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)):
        handed_over(mendline, "Noor", "screen", on=day)
    told = figures().json
    assert (told["from"], told["to"]) == ("2026-03-01", "2026-03-31")
    assert [(one["name"], one["lines"]) for one in told["by_repair_type"]] == [("screen", 3)]


def test_a_shop_without_work_and_the_usual_year(figures):
    told = figures(**{"to": "2026-03-31"}).json
    assert told["from"] == "2025-04-01"
    assert told["overall"] == {"name": None, "lines": 0, "came_back": 0, "rate": None}


def test_hostile_values_and_strangers(figures):
    for query in (
        {"from": "9999-12-31"}, {"from": "x" * 10_000}, {"to": "\0"}, {"since": "2026-01-01"},
        {"from": "2024-01-01", "to": "2026-01-01"}, {"from": "2026-02-01", "to": "2026-01-01"},
        {"technician": "<script>"},
    ):  # fmt: skip
        assert figures(**query).status_code == 422, query
    assert figures("technician").status_code == 403
