"""Pure rules: which status follows which, where slots may start, and how work fills bench hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from crm.core.errors import Conflict
from crm.core.hours import Span

MOST_DEVICES = 10
DIAGNOSIS_MINUTES = 30


class BookingStatus(StrEnum):
    """DRAFT has no slot, PENDING holds one for a while, CONFIRMED has it firmly."""

    DRAFT = "draft"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


HOLDING = (BookingStatus.PENDING, BookingStatus.CONFIRMED)
_MOVES = {
    BookingStatus.DRAFT: (BookingStatus.PENDING, BookingStatus.CANCELLED),
    BookingStatus.PENDING: (
        BookingStatus.CONFIRMED, BookingStatus.CANCELLED, BookingStatus.DRAFT,
    ),
    BookingStatus.CONFIRMED: (
        BookingStatus.CHECKED_IN, BookingStatus.CANCELLED, BookingStatus.NO_SHOW,
    ),
    # They came after all.
    BookingStatus.NO_SHOW: (BookingStatus.CHECKED_IN,),
}  # fmt: skip


@dataclass(frozen=True)
class Need:
    """minutes: of bench work. devices: for each one what it counts as (category, family)."""

    minutes: int
    devices: tuple[frozenset[str], ...] = ()


def check_move(before: str, after: BookingStatus) -> None:
    """Raises Conflict (`booking-<status>`)."""
    if after not in _MOVES.get(BookingStatus(before), ()):
        raise Conflict(
            f"the booking is {before}; it cannot become {after}", code=f"booking-{_dashed(before)}"
        )


def check_holding(status: str) -> None:
    """Only a booking with a slot can be moved. Raises Conflict (`booking-<status>`)."""
    if status not in HOLDING:
        raise Conflict(
            f"the booking is {status}; it has no slot to move", code=f"booking-{_dashed(status)}"
        )


def _dashed(status: str) -> str:
    return status.replace("_", "-")


def starts(opening: Iterable[Span], grid_minutes: int, not_before: datetime) -> list[datetime]:
    """Moments at which a slot may start: every `grid_minutes` of real time from each opening."""
    step = timedelta(minutes=grid_minutes)
    found = []
    for span in opening:
        start = span.start
        while start < span.end:
            if start >= not_before:
                found.append(start)
            start += step
    return found


def pieces(windows: Sequence[Span], start: datetime, minutes: int) -> tuple[Span, ...] | None:
    """How work fills working time from `start` on; None when it does not begin in a window, or the
    windows end first.

    Work that fits into a window is done in one go; only longer work goes on in the next one.
    windows: in order and free of overlaps.
    """
    left = timedelta(minutes=minutes)
    fits_in_one = any(window.end - window.start >= left for window in windows)
    found: list[Span] = []
    for window in windows:
        if not found and not window.start <= start < window.end:
            continue
        begin = window.start if found else start
        end = min(window.end, begin + left)
        found.append(Span(begin, end))
        left -= end - begin
        if not left:
            return tuple(found)
        if fits_in_one:
            return None
    return None
