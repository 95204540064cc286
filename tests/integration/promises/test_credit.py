"""Who did which step, how long things took, and what own repairs say about prices."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from crm.catalog import service as catalog
from crm.catalog.models import RepairType
from crm.core.events import SYSTEM
from crm.core.uow import UnitOfWork
from crm.repairs import service as repairs
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.integration.promises.conftest import Bench, statements, today
from tests.integration.promises.test_promises import fill_catalogue

WAY = ("diagnosing", "repairing", "completed")


def technician(bench: Bench, name: str) -> int:
    answer = bench.call("POST", "/technicians", "manager", json={"name": name, "skills": ["any"]})
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def walk(bench: Bench, device: str, hours: int, *technicians: str | None) -> str:
    """Through the shop within the last days, so many hours a step; who is named at each move."""
    start = datetime.now(UTC) - timedelta(hours=hours * (len(WAY) + 1))
    with bench.service.units() as uow:
        new = NewRepair(None, device=device, occurred_at=start, technician=technicians[0])
        ref = open_repair(uow, new, SYSTEM, by_staff=False).ref
        for number, (status, named) in enumerate(zip(WAY, technicians[1:], strict=True), start=1):
            news = StatusNews(
                RepairStatus(status),
                by_staff=False,
                technician=named,
                occurred_at=start + timedelta(hours=hours * number),
            )
            repairs.change_status(uow, Address(ref=ref), news, SYSTEM)
    return ref


def credit(bench: Bench, technician_id: int, role: str = "manager", **query):
    return bench.call("GET", f"/technicians/{technician_id}/credit", role, query_string=query)


def test_a_step_belongs_to_whoever_had_it(bench):
    sam, noor = technician(bench, "Sam"), technician(bench, "Noor")
    ref = walk(bench, "iPhone 13", 2, None, "sam ", "Noor", None)
    done = {who: credit(bench, one).json["data"] for who, one in (("sam", sam), ("noor", noor))}
    # Nobody had it while it was received: whoever was named with the move did that.
    assert [one["status"] for one in done["sam"]] == ["diagnosing", "received"]
    assert [one["status"] for one in done["noor"]] == ["repairing"]
    (step,) = done["noor"]
    assert step["repair"] == ref and step["to_status"] == "completed"
    assert step["hours"] == pytest.approx(2)


def test_credit_reads_the_repairs_of_a_page_at_once(bench):
    sam = technician(bench, "Sam")
    for _ in range(3):
        walk(bench, "iPhone 13", 2, "Sam", None, None, None)
    with statements() as read:
        assert len(credit(bench, sam).json["data"]) == 9
    assert sum("FROM repairs" in one for one in read) == 1


def test_credit_is_paged_and_bounded(bench):
    sam = technician(bench, "Sam")
    walk(bench, "iPhone 13", 1, "Sam", None, None, None)
    first = credit(bench, sam, limit=2).json
    rest = credit(bench, sam, limit=2, cursor=first["meta"]["next_cursor"]).json
    assert [one["status"] for one in first["data"] + rest["data"]] == [
        "repairing", "diagnosing", "received",
    ]  # fmt: skip
    assert credit(bench, sam, **{"to": "2020-01-01"}).json["data"] == []
    assert credit(bench, 999).status_code == 404
    for query in ({"from": "9999-12-31"}, {"from": "x"}, {"since": "2026-01-01"}, {"limit": 101}):
        assert credit(bench, sam, **query).status_code == 422, query


def test_two_of_one_name_are_nobodys_credit(bench):
    ids = [technician(bench, "Sam") for _ in range(2)]
    walk(bench, "iPhone 13", 1, "Sam", None, None, None)
    assert [credit(bench, one).json["data"] for one in ids] == [[], []]
    assert bench.service.count("repair_steps", "technician = 'Sam'") == 3


def test_a_correction_starts_the_clock_again(bench):
    ref = bench.take_in()
    for status, reason in (("repairing", None), ("diagnosing", "again"), ("testing", None)):
        body = {"status": status, "reason": reason}
        answer = bench.call("POST", f"/repairs/{ref}/updates", json=body)
        assert answer.status_code == 201, answer.text
    rows = bench.service.table("SELECT status, to_status FROM repair_steps ORDER BY id")
    assert [tuple(row) for row in rows] == [("received", "repairing"), ("diagnosing", "testing")]


def test_turnaround_by_status_technician_and_device(bench):
    for hours in (1, 2, 3):
        walk(bench, "iPhone 13", hours, "Sam", None, "Noor", None)
    walk(bench, "Pixel 8", 4, None, None, None, None)
    answer = bench.call("GET", "/analytics/repairs", "manager")
    assert answer.status_code == 200, answer.text
    figures = answer.json
    assert figures["to"] == today().isoformat()
    assert figures["repairs"]["count"] == 4
    assert figures["repairs"]["median_hours"] == pytest.approx(7.5)
    status = {one["name"]: one for one in figures["by_status"]}
    assert status["diagnosing"]["count"] == 4
    assert status["diagnosing"]["median_hours"] == pytest.approx(2.5)
    people = {one["name"]: one["count"] for one in figures["by_technician"]}
    assert people == {"Sam": 6, "Noor": 3}
    devices = {one["name"]: one for one in figures["by_device"]}
    assert devices["iPhone 13"]["median_hours"] == pytest.approx(6)
    assert devices["iPhone 13"]["p85_hours"] == pytest.approx(8.1)
    assert devices["Pixel 8"]["count"] == 1


def test_an_empty_period_has_no_figures(bench):
    query = {"from": "2020-01-01", "to": "2020-12-31"}
    figures = bench.call("GET", "/analytics/repairs", "manager", query_string=query).json
    assert figures["repairs"] == {"name": None, "count": 0, "median_hours": None, "p85_hours": None}
    assert figures["by_status"] == figures["by_technician"] == figures["by_device"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-02-01", "to": "2026-01-01"}, {"from": "2024-01-01", "to": "2026-01-01"},
        {"from": "0001-01-01"}, {"to": "9999-12-31"}, {"to": "0001-01-01"}, {"from": "'; DROP"},
        {"from": "2026-01-01", "days": "3"},
    ],
)  # fmt: skip
def test_periods_that_do_not_fit(bench, query):
    answer = bench.call("GET", "/analytics/repairs", "manager", query_string=query)
    assert answer.status_code == 422, answer.text


def test_figures_are_for_leads(bench):
    for role in ("viewer", "technician", "desk", "shop"):
        assert bench.call("GET", "/analytics/repairs", role).status_code == 403
        assert credit(bench, technician(bench, role), role).status_code == 403


def test_enough_finished_repairs_give_the_price_range(bench):
    """The first price stands in the history from the taking in on."""
    fill_catalogue(bench)
    with bench.service.units() as uow:
        _price(uow)
    asked = {"model": "iphone-13", "repair_types": ["screen"]}
    assert bench.call("POST", "/estimates", json=asked).json["range_basis"] == "rule"
    for number in range(10):
        ref = bench.take_in(device="Apple iPhone 13", estimate_minor=10_000)
        dearer = {"estimate_minor": 10_000 + number * 500}
        assert bench.call("PATCH", f"/repairs/{ref}", json=dearer).status_code == 200
        bench.call("POST", f"/repairs/{ref}/updates", json={"status": "completed"})
    shown = bench.call("POST", "/estimates", json=asked).json
    assert shown["range_basis"] == "own-repairs" and shown["own_repairs"] == 10
    assert shown["low_minor"] <= shown["total_minor"] <= shown["high_minor"]
    assert shown["high_minor"] > shown["low_minor"]


def _price(uow: UnitOfWork) -> None:
    told = yaml.safe_load((catalog.DATA / "estimate_rules.yaml").read_text())
    catalog.write_rules(uow, SYSTEM, told)
    uow.session.add(
        RepairType(category="iphone", slug="screen", name="Screen", price_minor=10_000,
                   currency="GBP", minutes=60, difficulty="easy", parts=[])
    )  # fmt: skip
