"""What customers and staff may be told about when a repair is done.

`told(uow, repair, zone) -> Promise | None` is what a customer sees; None when there is no date to
look forward to. `fresh` is what history says today, whatever was told before. zone: the shop's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from crm.core.uow import UnitOfWork
from crm.promises import rules
from crm.promises.calendars import Calendar
from crm.promises.history import Forecast, Remaining
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus

OF_LEVEL = {"model": "of this model", "category": "of this category", "all": "of any kind"}


@dataclass(frozen=True)
class Promise:
    """A range of days, both inclusive. basis: `history` (with level `model category all` and how
    many repairs it rests on) or `rule`. is_given: to_on is the day the shop itself named.
    is_overdue: to_on has passed. reasons: for staff, in English."""

    from_on: date
    to_on: date
    basis: str
    level: str | None
    samples: int
    is_given: bool
    is_overdue: bool
    reasons: tuple[str, ...]


def told(
    uow: UnitOfWork, repair: Repair, zone: ZoneInfo, forecast: Forecast | None = None
) -> Promise | None:
    """It stays the same while the repair stays in its status, and moves with the named day."""
    status = RepairStatus(repair.status)
    if not rules.is_promising(status, repair.flags):
        return None
    forecast = forecast or Forecast(uow, zone)
    calendar, left = forecast.calendar(repair), forecast.remaining(repair)
    start = calendar.day(repair.status_occurred_at)
    from_on, to_on = calendar.open_days.after(start, left.middle), _safe(calendar, start, left)
    given = repair.estimated_on
    if given is not None:
        from_on, to_on = min(from_on, given), given
    return _promise(left, from_on, to_on, calendar.day(uow.now), is_given=given is not None)


def fresh(
    uow: UnitOfWork, repair: Repair, zone: ZoneInfo, forecast: Forecast | None = None
) -> Promise | None:
    """The range as of today. A repair that took longer than is usual is counted anew from today."""
    status = RepairStatus(repair.status)
    if not rules.is_promising(status, repair.flags):
        return None
    forecast = forecast or Forecast(uow, zone)
    calendar, left = forecast.calendar(repair), forecast.remaining(repair)
    today, start = calendar.day(uow.now), calendar.day(repair.status_occurred_at)
    to_on = _safe(calendar, start, left)
    if to_on <= today:
        start = today
        to_on = max(_safe(calendar, today, left), calendar.open_days.after(today, 1))
    from_on = max(calendar.open_days.after(start, left.middle), today)
    return _promise(left, min(from_on, to_on), to_on, today, is_given=False)


def _safe(calendar: Calendar, start: date, left: Remaining) -> date:
    return calendar.open_days.after(start, left.safe)


def _promise(
    left: Remaining, from_on: date, to_on: date, today: date, *, is_given: bool
) -> Promise:
    if left.basis == "history":
        because = (
            f"of the last {left.samples} repairs {OF_LEVEL[left.level or 'all']}, half were done "
            f"{left.middle} open days after this status, 85 in 100 after {left.safe}"
        )
    else:
        because = (
            f"plain rule: {left.middle} to {left.safe} open days after this status, until there "
            f"are {rules.rules().least_samples} finished repairs to go by"
        )
    reasons = (f"the shop named {to_on.isoformat()}", because) if is_given else (because,)
    return Promise(
        from_on=from_on,
        to_on=to_on,
        basis=left.basis,
        level=left.level,
        samples=left.samples,
        is_given=is_given,
        is_overdue=to_on < today,
        reasons=reasons,
    )
