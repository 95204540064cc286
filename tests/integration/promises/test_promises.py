"""Ranges of days from the shop's own history, and the plain rule before there is any."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from crm.catalog.models import Category, DeviceModel
from crm.promises import queries
from crm.promises.history import MOST_SAMPLES, timings
from crm.repairs.statuses import RepairStatus
from tests.integration.promises.conftest import Bench, today


def fill_catalogue(bench: Bench) -> None:
    with bench.service.units() as uow:
        uow.session.add(
            Category(slug="iphone", name="iPhone", family="apple", icon="phone", year_from=2016,
                     year_to=2025, is_general=False, position=1, common_issues=[])
        )  # fmt: skip
        uow.session.flush()
        for name in ("iPhone 13", "iPhone 14"):
            model = DeviceModel(
                slug=name.lower().replace(" ", "-"), category="iphone", brand="Apple", name=name,
                year=2021, model_numbers=[], difficulty="medium", common_issues=[], prices={},
            )  # fmt: skip
            model.index()
            uow.session.add(model)


def test_a_plain_rule_until_there_is_history(bench):
    ref = bench.take_in()
    for days in range(9):
        bench.finished(days)
    told = bench.promise(ref)["told"]
    assert told["basis"] == "rule" and told["samples"] == 0
    assert told["from_on"] == (today() + timedelta(days=3)).isoformat()
    assert told["to_on"] == (today() + timedelta(days=5)).isoformat()


def test_middle_and_safe_of_own_repairs(bench):
    for days in (1, 1, 1, 1, 2, 2, 3, 4, 8, 20):
        bench.finished(days, device="anything")
    told = bench.promise(bench.take_in(device="else"))["told"]
    assert (told["basis"], told["level"], told["samples"]) == ("history", "all", 10)
    assert told["from_on"] == (today() + timedelta(days=2)).isoformat()
    assert told["to_on"] == (today() + timedelta(days=8)).isoformat()
    assert "of the last 10 repairs" in told["reasons"][0]


def test_the_narrowest_level_with_enough_samples(bench):
    fill_catalogue(bench)
    for _ in range(10):
        bench.finished(9, device="toaster")
    for _ in range(10):
        bench.finished(4, device="Apple iPhone 14")
    ref = bench.take_in(device="iphone 13")
    # Repairs of the model itself are too few; those of its category are enough.
    assert bench.promise(ref)["told"]["level"] == "category"
    for _ in range(10):
        bench.finished(1, device="Apple iPhone 13")
    told = bench.promise(ref)["told"]
    assert told["level"] == "model" and told["samples"] == 10
    assert told["to_on"] == (today() + timedelta(days=1)).isoformat()
    assert bench.promise(bench.take_in(device="13"))["told"]["level"] == "all"


def test_given_up_and_old_repairs_do_not_count(bench):
    for _ in range(10):
        bench.finished(1)
    with bench.service.units() as uow:
        uow.session.execute(text("UPDATE repairs SET flags = '[\"cancelled\"]' WHERE id <= 5"))
        uow.session.execute(
            text("UPDATE repairs SET status_at = now() - interval '800 days' WHERE id > 5")
        )
    assert bench.promise(bench.take_in())["told"]["basis"] == "rule"


def test_a_named_day_is_the_end_of_the_range(bench):
    day = today() + timedelta(days=4)
    ref = bench.take_in(estimated_completion=day.isoformat())
    shown = bench.promise(ref)
    assert shown["told"]["to_on"] == shown["estimated_completion"] == day.isoformat()
    assert shown["told"]["is_given"] and not shown["fresh"]["is_given"]
    soon = bench.take_in(estimated_completion=today().isoformat())
    told = bench.promise(soon)["told"]
    assert told["from_on"] == told["to_on"] == today().isoformat()


def test_no_date_for_what_is_done_or_at_rest(bench):
    done, resting = bench.take_in(status="ready_pickup"), bench.take_in()
    bench.call("PATCH", f"/repairs/{resting}", json={"flags": ["on_hold"]})
    for ref in (done, resting):
        shown = bench.promise(ref)
        assert shown["told"] is None and shown["fresh"] is None


def test_what_was_told_stays_and_fresh_moves_on(bench):
    ref = bench.take_in()
    bench.began(ref, 20)
    shown = bench.promise(ref)
    assert shown["told"]["is_overdue"]
    assert shown["told"]["to_on"] == (today() - timedelta(days=15)).isoformat()
    assert shown["fresh"]["to_on"] == (today() + timedelta(days=5)).isoformat()


def test_closed_days_do_not_count(bench):
    for number in range(1, 5):
        day = (today() + timedelta(days=number)).isoformat()
        answer = bench.call("POST", "/locations/quay/closures", "manager", json={"date": day})
        assert answer.status_code == 201, answer.text
    told = bench.promise(bench.take_in())["told"]
    assert told["from_on"] == (today() + timedelta(days=7)).isoformat()
    assert told["to_on"] == (today() + timedelta(days=9)).isoformat()


def test_the_query_reads_by_index_and_stops(bench):
    """With many repairs in the table neither statement walks it."""
    with bench.service.units() as uow:
        uow.session.execute(
            text("""INSERT INTO repairs (ref, device, status, status_at, status_occurred_at,
                        currency, received_at, updated_at)
                    SELECT 'RPR-X-' || n, 'Phone ' || n % 50, 'delivered', now(), now(), 'GBP',
                           now(), now() FROM generate_series(1, 5000) n""")
        )
        uow.session.execute(
            text("""INSERT INTO repair_history (repair_id, outcome, to_status, actor_kind,
                        actor_name, occurred_at, recorded_at)
                    SELECT id, 'moved', s, 'shop', 'till', now(), now()
                    FROM repairs, unnest(array['received', 'completed']) s""")
        )
    with bench.service.units() as uow:
        uow.connection.execute(text("ANALYZE repairs"))
        uow.connection.execute(text("ANALYZE repair_history"))
        seen = []
        event.listen(uow.connection, "before_cursor_execute", lambda *told: seen.append(told[2:4]))
        assert len(timings(uow, None, RepairStatus.RECEIVED)) == MOST_SAMPLES
        assert len(timings(uow, ["phone 7"], RepairStatus.RECEIVED)) == 100
        assert len(seen) == 2
        for statement, parameters in list(seen):
            lines = uow.connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
            plan = "\n".join(lines)
            assert "Index" in plan and "Seq Scan" not in plan, plan


@pytest.mark.parametrize(
    "device", ["", "\u202e", "🙂" * 50, "<script>", "{{ 7 }}", "a & !b |", "x" * 255]
)
def test_hostile_devices(bench, device):
    assert bench.promise(bench.take_in(device=device))["told"]["basis"] == "rule"


def test_a_shop_system_sees_its_own_alone(bench):
    ref = bench.take_in()
    assert bench.call("GET", f"/repairs/{ref}/promise", "shop").status_code == 404
    assert bench.call("GET", "/repairs/nonsense/promise").status_code == 404


def test_the_signature_pages_rely_on(bench):
    ref = bench.take_in()
    with bench.service.units() as uow:
        zone = bench.service.parts.shop.timezone
        promise = queries.told(uow, bench.repair(uow, ref), zone)
        assert promise.from_on <= promise.to_on
