"""Pure rules of the weekly letter: which week is told when, and which numbers moved most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.core.hours import moment

AT = time(8)
MOST = 3


@dataclass(frozen=True)
class Week:
    """The week that is told, from its Monday; `before` is where the one it is compared with begins."""

    monday: date
    before: datetime
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Number:
    """name: `finished`, `turnaround` (hours), `rating` or `money` (minor units).

    now, before: None where there is too little to tell. parts: what it is made of, name -> value,
    this week and the week before.
    """

    name: str
    now: float | None
    before: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    parts_before: Mapping[str, float] = field(default_factory=dict)

    @property
    def move(self) -> float:
        """The change as a share of the week before; something out of nothing is a whole."""
        if self.now is None or self.before is None or self.now == self.before:
            return 0.0
        return (self.now - self.before) / self.before if self.before else 1.0

    @property
    def cause(self) -> tuple[str, float | None, float | None] | None:
        """The part that changed most: name, now, before. None when none did."""
        names = sorted({*self.parts, *self.parts_before})
        changes = {n: abs(self.parts.get(n, 0) - self.parts_before.get(n, 0)) for n in names}
        name = max(names, key=changes.__getitem__, default=None)
        if name is None or not changes[name]:
            return None
        return name, self.parts.get(name), self.parts_before.get(name)


def week(now: datetime, zone: ZoneInfo) -> Week | None:
    """The week that is to be told by now; None on a Monday before eight.

    Known by its Monday alone: whenever it is asked for, through a clock change too, it is the same.
    """
    local = now.astimezone(zone)
    today = local.date()
    monday = today - timedelta(days=today.weekday())
    if now < moment(monday, AT, zone):
        return None
    first, second, third = (moment(monday - timedelta(weeks=n), time(0), zone) for n in (2, 1, 0))
    return Week(monday - timedelta(weeks=1), first, second, third)


def moved(numbers: Sequence[Number]) -> list[Number]:
    """The three that moved most, by share; those that stood still tell nothing."""
    changed = [one for one in numbers if one.move]
    return sorted(changed, key=lambda one: -abs(one.move))[:MOST]
