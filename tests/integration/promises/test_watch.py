"""The watch notices promises before they break, and says so once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.core.events import Actor
from crm.locations.models import Closure
from crm.promises import calendars, rules
from crm.promises.rules import DelayReason
from crm.promises.watch import Watch
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.integration.promises.conftest import Bench, statements, today

TILL = Actor("shop", "till")


def alerts(bench: Bench, **query) -> list[dict]:
    answer = bench.call("GET", "/delay-alerts", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def noon_zone() -> str:
    """A zone whose clock shows some minutes past noon."""
    behind = datetime.now(UTC).hour - 12
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"


def test_the_watch_tells_once_per_day_promised(bench):
    ref, number = bench.in_thread(status="waiting_parts")
    bench.promised(ref, today() - timedelta(days=1))
    assert bench.watch() == 1
    assert bench.watch() == 0
    told = [one for one in bench.service.told(number) if "takes longer" in one]
    assert len(told) == 1 and "A part that your device needs" in told[0]
    notes = [one for one in bench.service.notes(number) if "delay: part late" in one]
    assert len(notes) == 1 and "Mendline" in notes[0]
    (alert,) = alerts(bench, is_told="true")
    assert alert["repair"] == ref and alert["is_automatic"]
    shown = bench.call("GET", f"/repairs/{ref}").json
    assert shown["estimated_completion"] == alert["expected_on"] > today().isoformat()


def test_a_range_nobody_named_a_day_of_is_for_staff_alone(bench):
    ref, number = bench.in_thread()
    bench.began(ref, 6)
    assert bench.promise(ref)["told"]["is_overdue"]
    assert bench.watch() == 1 and bench.watch() == 0
    assert not any("takes longer" in one for one in bench.service.told(number))
    assert any("before they ask" in one for one in bench.service.notes(number))


def test_days_the_shop_was_closed_make_no_promise_old(bench):
    ref = bench.take_in()
    bench.promised(ref, today() - timedelta(days=12))
    with bench.service.units() as uow:
        place = calendars.first_location(uow)
        shut = [today() - timedelta(days=number) for number in range(1, 15)]
        uow.session.add_all(Closure(location_id=place.id, closed_on=day) for day in shut)
    assert bench.watch() == 1


def test_a_location_without_hours_is_watched_in_those_of_the_rules(bench):
    answer = bench.call("PATCH", "/locations/quay", "manager", json={"hours": []})
    assert answer.status_code == 200, answer.text
    monday = date(2026, 11, 23)
    with bench.service.units() as uow:
        calendar = calendars.at(uow, calendars.first_location(uow), ZoneInfo("UTC"))
        assert [(one.start.hour, one.end.hour) for one in calendar.opening(uow, monday)] == [
            (9, 18)
        ]


def test_after_some_times_people_decide(bench):
    ref, number = bench.in_thread()
    for _ in range(3):
        bench.promised(ref, today() - timedelta(days=1 + len(alerts(bench))))
        assert bench.watch() == 1
        assert bench.watch() == 0
    assert sum("takes longer" in one for one in bench.service.told(number)) == 2
    (waiting,) = alerts(bench, is_told="false")
    assert waiting["repair"] == ref
    risk = [one for one in bench.service.notes(number) if "before they ask" in one]
    assert len(risk) == 1 and waiting["promised_on"] in risk[0]


def test_what_staff_told_is_not_told_again(bench):
    ref, number = bench.in_thread()
    bench.promised(ref, today() - timedelta(days=1))
    told = {"reason": "more_damage"}
    assert bench.call("POST", f"/repairs/{ref}/delay", json=told).status_code == 201
    assert bench.watch() == 0
    assert sum("takes longer" in one for one in bench.service.told(number)) == 1


def test_history_that_speaks_against_a_named_day_is_for_staff_alone(bench):
    for _ in range(10):
        bench.finished(20)
    ref, number = bench.in_thread(estimated_completion=(today() + timedelta(days=2)).isoformat())
    assert bench.watch() == 1 and bench.watch() == 0
    assert not any("takes longer" in one for one in bench.service.told(number))
    assert any("before they ask" in one for one in bench.service.notes(number))


def test_the_plain_rule_speaks_against_nobody(bench):
    bench.take_in(estimated_completion=(today() + timedelta(days=1)).isoformat())
    assert bench.watch() == 0


@pytest.mark.parametrize("flag", ["cancelled", "on_hold", "unrepairable", "in_storage"])
def test_nothing_about_repairs_at_rest(bench, flag):
    ref, number = bench.in_thread()
    bench.promised(ref, today() - timedelta(days=1))
    bench.call("PATCH", f"/repairs/{ref}", json={"flags": [flag]})
    assert bench.watch() == 0
    assert not any("takes longer" in one for one in bench.service.told(number))


def test_nothing_about_promises_of_long_ago(bench):
    bench.promised(bench.take_in(), today() - timedelta(days=30))
    assert bench.watch() == 0


def test_nothing_while_the_shop_is_closed(bench):
    bench.promised(bench.take_in(), today() - timedelta(days=1))
    hours = [{"weekday": (today().weekday() + 2) % 7, "opens_at": "09:00", "closes_at": "18:00"}]
    answer = bench.call("PATCH", "/locations/quay", "manager", json={"hours": hours})
    assert answer.status_code == 200, answer.text
    assert bench.watch() == 0


def test_a_repair_that_moved_on_meanwhile_is_left_alone(bench):
    ref = bench.take_in()
    bench.promised(ref, today() - timedelta(days=1))
    with bench.service.units() as uow:
        news = StatusNews(RepairStatus.COMPLETED, by_staff=False)
        repairs.change_status(uow, Address(ref=ref), news, TILL)
    assert bench.watch() == 0


def test_without_automatic_only_staff_hear_of_it(bench):
    quiet = replace(rules.rules().watch, automatic=False)
    ref, number = bench.in_thread()
    bench.promised(ref, today() - timedelta(days=1))
    assert bench.watch(limits=quiet) == 1 and bench.watch(limits=quiet) == 0
    assert not any("takes longer" in one for one in bench.service.told(number))
    (alert,) = alerts(bench)
    assert alert["told_at"] is None and alert["reason"] == DelayReason.BENCH_FULL


def test_the_watch_goes_through_all_pages(bench):
    for _ in range(5):
        bench.promised(bench.take_in(), today() - timedelta(days=1))
    assert bench.watch(page=2) == 5


def test_history_is_read_once_for_many_devices(bench):
    for number in range(6):
        bench.take_in(device=f"Radio {number}")
    with statements() as read:
        assert bench.watch() == 0
    assert sum("repair_history" in one for one in read) == 1
    assert sum("FROM location_closures" in one for one in read) <= 3


def test_two_watches_at_once_tell_once(bench):
    """Two schedulers may believe to be the leader for a moment."""
    for _ in range(6):
        bench.promised(bench.take_in(), today() - timedelta(days=1))
    zone = bench.service.parts.shop.timezone
    with ThreadPoolExecutor(2) as pool:
        rounds = [pool.submit(Watch(bench.service.units, zone).run) for _ in range(2)]
        assert sum(one.result(30) for one in rounds) == 6
    assert bench.service.count("delay_alerts") == 6
    assert bench.service.count("notifications", "template = 'repair_delayed'") == 6


def test_it_is_a_duty_of_the_scheduler(bench):
    names = [one.name for one in bench.service.parts.schedules()]
    assert names.count("promises.watch") == 1


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "acted"), [("00:00", "13:30", 1), ("11:30", "00:00", 0)]
)
def test_the_last_day_counts_as_missed_past_its_middle(bench, opens_at, closes_at, acted):
    day = {"opens_at": opens_at, "closes_at": closes_at}
    place = {"timezone": noon_zone(), "hours": [{"weekday": one, **day} for one in range(7)]}
    assert bench.call("PATCH", "/locations/quay", "manager", json=place).status_code == 200
    bench.promised(bench.take_in(), datetime.now(ZoneInfo(noon_zone())).date())
    assert bench.watch() == acted
