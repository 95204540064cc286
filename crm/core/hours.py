"""Stretches of time: wall-clock hours of a zone turned into moments, joined and cut.

Opening hours and shifts are both told in a zone's wall clock; what they mean on a day on which the
clock is put forward or back is decided here, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.core.errors import Invalid

END_OF_DAY = time(0)
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, order=True)
class Span:
    """From `start` up to, not including, `end`; aware UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, order=True)
class DayHours:
    """Hours of a weekday, 0 is Monday. end: 00:00 is the end of the day."""

    weekday: int
    start: time
    end: time


def read_clock(text: str) -> time:
    """`HH:MM` as a clock shows it. Raises ValueError."""
    if not _CLOCK.fullmatch(text):
        raise ValueError("not HH:MM")
    return time.fromisoformat(text)


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the zone's clock shows this.

    A time that the clock jumps over counts as if it had not been put forward yet; of one shown
    twice the first is meant.
    """
    return datetime.combine(day, at, zone).astimezone(UTC)


def span(day: date, start: time, end: time, zone: ZoneInfo) -> Span | None:
    """The stretch between two wall-clock times; None when the clock jumps over all of it."""
    last_day = day + timedelta(days=1) if end == END_OF_DAY else day
    found = Span(moment(day, start, zone), moment(last_day, end, zone))
    return found if found.start < found.end else None


def day_span(day: date, zone: ZoneInfo) -> Span:
    """The whole day: 23, 24 or 25 hours."""
    return Span(moment(day, time(0), zone), moment(day + timedelta(days=1), time(0), zone))


def common(ours: Iterable[Span], theirs: Sequence[Span]) -> list[Span]:
    """What lies in both; each side is free of overlaps."""
    cuts = (Span(max(a.start, b.start), min(a.end, b.end)) for a in ours for b in theirs)
    return sorted(cut for cut in cuts if cut.start < cut.end)


def check_week(rows: Sequence[DayHours], field: str) -> None:
    """Raises Invalid naming the rows that end before they begin or overlap another."""
    faults = {}
    for number, row in enumerate(rows):
        if row.end != END_OF_DAY and row.end <= row.start:
            faults[str(number)] = ["Must end after it begins; 00:00 is the end of the day."]
        for before in rows[:number]:
            if before.weekday == row.weekday and _meet(before, row):
                faults[str(number)] = ["Overlaps other hours of this day."]
    if faults:
        raise Invalid(f"{field} do not fit", errors={field: faults})


def _meet(one: DayHours, other: DayHours) -> bool:
    def minutes(at: time, *, is_end: bool) -> int:
        return 24 * 60 if is_end and at == END_OF_DAY else at.hour * 60 + at.minute

    return minutes(one.start, is_end=False) < minutes(other.end, is_end=True) and minutes(
        other.start, is_end=False
    ) < minutes(one.end, is_end=True)
