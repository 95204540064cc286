"""Pure rules of promises: open days, middle and safe values, and the numbers they start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import cache
from math import ceil
from pathlib import Path

import yaml

from crm.repairs.statuses import RepairFlag, RepairStatus

DATA = Path(__file__).parent / "data"
MIDDLE, SAFE = 50, 85
# While one of these stands nobody works towards a date.
RESTING = (RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE, RepairFlag.ON_HOLD, RepairFlag.IN_STORAGE)


class DelayReason(StrEnum):
    PART_LATE = "part_late"
    MORE_DAMAGE = "more_damage"
    WAITING_CUSTOMER = "waiting_customer"
    BENCH_FULL = "bench_full"
    TECHNICIAN_AWAY = "technician_away"
    OTHER = "other"


@dataclass(frozen=True)
class Watching:
    """What is done about promises that slip; see `data/rules.yaml`."""

    look_back_days: int
    automatic: bool
    most_automatic: int


@dataclass(frozen=True)
class Rules:
    """days_left: status -> (middle, safe) open days. See `data/rules.yaml`."""

    least_samples: int
    days_left: dict[RepairStatus, tuple[int, int]]
    weekdays: frozenset[int]
    opens_at: time
    closes_at: time
    watch: Watching


@dataclass(frozen=True)
class OpenDays:
    """Days the shop works. weekdays: 0 is Monday, at least one. closed: days off all the same."""

    weekdays: frozenset[int]
    closed: frozenset[date] = frozenset()

    def is_open(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.closed

    def between(self, start: date, end: date) -> int:
        """How many open days come after `start`, up to and with `end`."""
        weeks, rest = divmod(max(0, (end - start).days), 7)
        days = (start + timedelta(days=number) for number in range(1, rest + 1))
        count = weeks * len(self.weekdays) + sum(day.weekday() in self.weekdays for day in days)
        return count - sum(
            start < day <= end and day.weekday() in self.weekdays for day in self.closed
        )

    def after(self, start: date, count: int) -> date:
        """The day `count` open days later; with 0 the day itself, or the next one that is open."""
        day = start
        while count > 0 or not self.is_open(day):
            day += timedelta(days=1)
            count -= self.is_open(day)
        return day


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that `percent` in a hundred do not exceed (nearest rank)."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def is_promising(status: RepairStatus, flags: Sequence[str]) -> bool:
    """Whether there is a date to look forward to: not completed, given up or at rest."""
    return status.rank < RepairStatus.COMPLETED.rank and not set(flags) & set(RESTING)


def reason_of(status: RepairStatus, flags: Sequence[str]) -> DelayReason:
    """What most likely holds up a repair in this state."""
    if RepairFlag.AWAITING_APPROVAL in flags:
        return DelayReason.WAITING_CUSTOMER
    if status is RepairStatus.WAITING_PARTS:
        return DelayReason.PART_LATE
    if status in (RepairStatus.RECEIVED, RepairStatus.DIAGNOSING):
        return DelayReason.BENCH_FULL
    return DelayReason.OTHER


@cache
def rules() -> Rules:
    told = yaml.safe_load((DATA / "rules.yaml").read_text("utf-8"))
    return Rules(
        least_samples=told["least_samples"],
        days_left={RepairStatus(name): tuple(days) for name, days in told["days_left"].items()},
        weekdays=frozenset(told["weekdays"]),
        opens_at=time.fromisoformat(told["opens_at"]),
        closes_at=time.fromisoformat(told["closes_at"]),
        watch=Watching(**told["watch"]),
    )


@cache
def _words() -> dict[str, dict[str, str]]:
    return yaml.safe_load((DATA / "delay_reasons.yaml").read_text("utf-8"))


def public_words(reason: DelayReason, locale: str) -> str:
    """One sentence for the customer."""
    return _words()[reason][locale]
