"""Pure rules of unclaimed devices: how long one has waited, and what is due then."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data"
STORAGE = "storage"


@dataclass(frozen=True, order=True)
class Step:
    """day: on which it is due. name: `reminder_<day>` or `storage`."""

    day: int
    name: str

    @property
    def is_reminder(self) -> bool:
        return self.name != STORAGE


@dataclass(frozen=True)
class Rules:
    """steps: earliest first. See `data/rules.yaml`."""

    steps: tuple[Step, ...]
    tell_from: time
    tell_until: time


@cache
def rules() -> Rules:
    data = yaml.safe_load((DATA / "rules.yaml").read_text())
    steps = [Step(day, f"reminder_{day}") for day in data["reminder_days"]]
    return Rules(
        tuple(sorted([*steps, Step(data["storage_days"], STORAGE)])),
        time.fromisoformat(data["tell_from"]),
        time.fromisoformat(data["tell_until"]),
    )


def days_waiting(ready_on: date, today: date, holds: Iterable[tuple[date, date]]) -> int:
    """Days since the device became ready. holds: from, until; days that do not count."""
    return (today - ready_on).days - sum((end - start).days for start, end in holds)


@dataclass(frozen=True)
class Due:
    """skipped: reminders that a later one makes needless, after an outage for example."""

    steps: tuple[Step, ...]
    skipped: tuple[Step, ...]


def due(days: int, done: Collection[str], steps: Iterable[Step]) -> Due:
    """What is to be done on this day; of several reminders the latest alone."""
    open_steps = [step for step in steps if step.day <= days and step.name not in done]
    reminders = [step for step in open_steps if step.is_reminder]
    skipped = tuple(reminders[:-1])
    return Due(tuple(step for step in open_steps if step not in skipped), skipped)


def following(days: int, done: Collection[str], steps: Iterable[Step]) -> Step | None:
    """The step that comes next; None when nothing more happens by itself."""
    waiting = due(days, done, steps).steps
    later = (step for step in steps if step.day > days and step.name not in done)
    return waiting[0] if waiting else next(later, None)
