"""Wall-clock hours on the days the clock changes, and how work fills them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.bookings import rules
from crm.bookings.rules import BookingStatus
from crm.core.errors import Conflict, Invalid
from crm.core.hours import DayHours, Span, check_week, common, day_span, span

LONDON, SAO_PAULO = ZoneInfo("Europe/London"), ZoneInfo("America/Sao_Paulo")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "opens", "hours"),
    [
        (LONDON, date(2026, 3, 28), utc(2026, 3, 28, 9), 24),
        (LONDON, date(2026, 3, 29), utc(2026, 3, 29, 8), 23),
        (LONDON, date(2026, 10, 24), utc(2026, 10, 24, 8), 24),
        (LONDON, date(2026, 10, 25), utc(2026, 10, 25, 9), 25),
        (SAO_PAULO, date(2018, 11, 3), utc(2018, 11, 3, 12), 24),
        (SAO_PAULO, date(2018, 11, 4), utc(2018, 11, 4, 11), 23),
        (SAO_PAULO, date(2019, 2, 16), utc(2019, 2, 16, 11), 25),
        (SAO_PAULO, date(2019, 2, 17), utc(2019, 2, 17, 12), 24),
        (SAO_PAULO, date(2026, 3, 29), utc(2026, 3, 29, 12), 24),
    ],
)
def test_opening_follows_the_clock_of_the_place(zone, day, opens, hours):
    nine_to_six = span(day, time(9), time(18), zone)
    assert nine_to_six == Span(opens, opens + timedelta(hours=9))
    whole = day_span(day, zone)
    assert whole.end - whole.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("day", "local"),
    [
        (date(2026, 3, 29), ["00:00", "00:30", "02:00", "02:30", "03:00", "03:30"]),
        (date(2026, 10, 25), ["00:00", "00:30", "01:00", "01:30", "01:00", "01:30",
                             "02:00", "02:30", "03:00", "03:30"]),
    ],
)  # fmt: skip
def test_a_night_shift_has_no_slot_that_the_clock_does_not_show(day, local):
    opening = span(day, time(0), time(4), LONDON)
    found = rules.starts([opening], 30, LONG_AGO)
    assert [f"{one.astimezone(LONDON):%H:%M}" for one in found] == local
    assert len(set(found)) == len(found)


def test_hours_that_the_clock_jumps_over_do_not_exist():
    assert span(date(2018, 11, 4), time(0), time(1), SAO_PAULO) is None
    assert span(date(2026, 3, 28), time(22), time(0), LONDON) == Span(
        utc(2026, 3, 28, 22), utc(2026, 3, 29)
    )


DAYS = [Span(utc(2026, 5, day, 9), utc(2026, 5, day, 18)) for day in (4, 5, 6)]


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        (utc(2026, 5, 4, 9), 60, [Span(utc(2026, 5, 4, 9), utc(2026, 5, 4, 10))]),
        (utc(2026, 5, 4, 17), 60, [Span(utc(2026, 5, 4, 17), utc(2026, 5, 4, 18))]),
        (utc(2026, 5, 4, 17, 30), 60, None),
        (utc(2026, 5, 4, 8), 60, None),
        (utc(2026, 5, 4, 18), 60, None),
        (utc(2026, 5, 4, 9), 12 * 60, [DAYS[0], Span(utc(2026, 5, 5, 9), utc(2026, 5, 5, 12))]),
        (utc(2026, 5, 4, 9), 27 * 60, DAYS),
        (utc(2026, 5, 4, 10), 27 * 60, None),
    ],
)
def test_work_fills_hours(start, minutes, expected):
    found = rules.pieces(DAYS, start, minutes)
    assert found == (tuple(expected) if expected else None)


def test_what_two_calendars_have_in_common():
    morning = Span(utc(2026, 5, 4, 8), utc(2026, 5, 4, 12))
    assert common([morning], DAYS) == [Span(utc(2026, 5, 4, 9), utc(2026, 5, 4, 12))]
    assert common([Span(utc(2026, 5, 4, 7), utc(2026, 5, 4, 9))], DAYS) == []


@pytest.mark.parametrize(
    ("rows", "fine"),
    [
        ([(0, 9, 12), (0, 13, 18)], True),
        ([(0, 9, 13), (0, 13, 18)], True),
        ([(0, 9, 14), (0, 13, 18)], False),
        ([(0, 9, 0), (1, 0, 9)], True),
        ([(0, 9, 0), (0, 23, 0)], False),
        ([(0, 9, 9)], False),
        ([(0, 18, 9)], False),
    ],
)
def test_a_week_without_overlaps(rows, fine):
    week = [DayHours(day, time(start), time(end)) for day, start, end in rows]
    if fine:
        check_week(week, "hours")
    else:
        with pytest.raises(Invalid):
            check_week(week, "hours")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BookingStatus.CANCELLED, BookingStatus.CONFIRMED),
        (BookingStatus.CHECKED_IN, BookingStatus.CANCELLED),
        (BookingStatus.DRAFT, BookingStatus.CONFIRMED),
        (BookingStatus.PENDING, BookingStatus.CHECKED_IN),
    ],
)
def test_moves_that_are_refused(before, after):
    with pytest.raises(Conflict) as refused:
        rules.check_move(before, after)
    assert refused.value.code == f"booking-{before.value.replace('_', '-')}"
