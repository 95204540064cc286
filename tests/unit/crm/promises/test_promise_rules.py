"""Open days, percentiles and the tables they start from."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.notifications import texts
from crm.promises import rules
from crm.promises.calendars import Calendar
from crm.promises.rules import DelayReason, OpenDays, percentile
from crm.repairs.statuses import RepairFlag, RepairStatus

LONDON = ZoneInfo("Europe/London")
SIX_DAYS = frozenset(range(6))
FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 11, day) for day in (20, 21, 22, 23))
CHRISTMAS = frozenset(date(2026, 12, day) for day in (25, 26))


def counted(days: OpenDays, start: date, end: date) -> int:
    """The slow way, day by day."""
    span = range(1, (end - start).days + 1)
    return sum(days.is_open(start + timedelta(days=number)) for number in span)


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        ([4], 50, 4), ([4], 85, 4), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 85, 4),
        (list(range(1, 101)), 50, 50), (list(range(1, 101)), 85, 85), ([0] * 9 + [30], 85, 0),
    ],
)  # fmt: skip
def test_percentiles_are_nearest_ranks(values, percent, wanted):
    assert percentile(values, percent) == wanted


def test_a_day_off_does_not_count():
    days = OpenDays(SIX_DAYS)
    assert days.between(SATURDAY, MONDAY) == 1
    assert days.between(FRIDAY, FRIDAY) == 0
    assert days.between(MONDAY, FRIDAY) == 0
    assert days.after(SATURDAY, 1) == MONDAY
    assert days.after(SUNDAY, 0) == MONDAY
    assert days.after(FRIDAY, 0) == FRIDAY


def test_closures_do_not_count():
    days = OpenDays(SIX_DAYS, CHRISTMAS)
    assert days.after(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert days.between(date(2026, 12, 24), date(2026, 12, 28)) == 1


@pytest.mark.parametrize("weekdays", [SIX_DAYS, frozenset({2}), frozenset(range(7))])
def test_counting_is_the_same_by_weeks_and_by_days(weekdays):
    days = OpenDays(weekdays, CHRISTMAS)
    for length in range(0, 60):
        for start in (date(2026, 11, 1) + timedelta(days=shift) for shift in range(0, 60, 3)):
            end = start + timedelta(days=length)
            assert days.between(start, end) == counted(days, start, end)


@pytest.mark.parametrize("weekdays", [SIX_DAYS, frozenset({2})])
def test_after_and_between_agree(weekdays):
    days = OpenDays(weekdays, CHRISTMAS)
    for count in range(1, 40):
        end = days.after(date(2026, 11, 20), count)
        assert days.is_open(end)
        assert days.between(date(2026, 11, 20), end) == count


def test_the_day_is_that_of_the_shops_clock_across_dst():
    """23:30 UTC in summer is the next day in London; in winter it is not."""
    calendar = Calendar(LONDON, OpenDays(frozenset(range(7))), None)
    summer, winter = (datetime(2026, month, 10, 23, 30, tzinfo=UTC) for month in (7, 12))
    assert calendar.day(summer) == date(2026, 7, 11)
    assert calendar.day(winter) == date(2026, 12, 10)
    # Two nights around the end of summer time are two days, whatever the hours.
    before, after = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 26, 0, tzinfo=UTC)
    assert calendar.open_days.between(calendar.day(before), calendar.day(after)) == 2


def test_only_work_under_way_has_a_date():
    assert rules.is_promising(RepairStatus.TESTING, [RepairFlag.AWAITING_APPROVAL])
    assert not rules.is_promising(RepairStatus.COMPLETED, [])
    for flag in ("cancelled", "on_hold", "unrepairable", "in_storage"):
        assert not rules.is_promising(RepairStatus.RECEIVED, [flag])


def test_the_reason_of_the_present_state():
    assert rules.reason_of(RepairStatus.WAITING_PARTS, []) is DelayReason.PART_LATE
    assert rules.reason_of(RepairStatus.RECEIVED, []) is DelayReason.BENCH_FULL
    waiting = rules.reason_of(RepairStatus.WAITING_PARTS, ["awaiting_approval"])
    assert waiting is DelayReason.WAITING_CUSTOMER


def test_every_status_under_way_has_a_plain_rule():
    under_way = {one for one in RepairStatus if one.rank < RepairStatus.COMPLETED.rank}
    assert set(rules.rules().days_left) == under_way
    assert all(low <= high for low, high in rules.rules().days_left.values())


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("reason", DelayReason)
def test_every_reason_has_public_words(reason, locale):
    assert rules.public_words(reason, locale).endswith(".")
