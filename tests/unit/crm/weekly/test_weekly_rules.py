"""Which week the owner's letter tells, and which numbers it picks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.weekly import rules
from crm.weekly.rules import Number

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        ("2026-11-23T07:59+00:00", None),
        ("2026-11-23T08:00+00:00", "2026-11-16"),
        ("2026-11-29T23:59+00:00", "2026-11-16"),
        ("2026-11-30T00:00+00:00", None),
        ("2026-07-06T07:00+00:00", "2026-06-29"),
    ],
)
def test_which_week(now, monday):
    found = rules.week(datetime.fromisoformat(now), LONDON)
    assert (found.monday.isoformat() if found else None) == monday


def test_through_a_clock_change_every_week_is_told_once():
    now = datetime(2026, 10, 12, tzinfo=UTC)
    told = []
    while now < datetime(2026, 11, 9, tzinfo=UTC):
        found = rules.week(now, LONDON)
        if found and found not in told:
            told.append(found)
        now += timedelta(minutes=15)
    assert [one.monday.day for one in told] == [5, 12, 19, 26]
    hours = [(one.end - one.start) / timedelta(hours=1) for one in told]
    assert hours == [168, 168, 169, 168]


def test_the_three_that_moved_most():
    numbers = [
        Number("finished", 11, 10), Number("turnaround", 10, 40), Number("rating", 4.0, 4.0),
        Number("money", 300_00, 100_00),
    ]  # fmt: skip
    assert [one.name for one in rules.moved(numbers)] == ["money", "turnaround", "finished"]
    assert rules.moved([Number("rating", None, 4.2), Number("money", 0, 0)]) == []
    assert [one.move for one in (Number("money", 5, 0), Number("money", 0, 5))] == [1.0, -1.0]


def test_the_cause_is_the_part_that_changed_most():
    money = Number("money", 9, 9, {"card": 5, "cash": 4}, {"card": 4, "transfer": 5})
    assert money.cause == ("transfer", None, 5)
    assert Number("money", 9, 9, {"card": 9}, {"card": 9}).cause is None
    assert Number("money", 9, 8).cause is None
