"""How long the shop's own finished repairs took, read by index and never more than the last 200.

A repair counts as one of a model or a category when its device is written like a model's name.
The narrowest level with enough samples is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    bindparam,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from crm.catalog import words
from crm.catalog.models import DeviceModel
from crm.core.hours import Span
from crm.core.uow import UnitOfWork
from crm.locations.models import Location
from crm.promises import calendars
from crm.promises.calendars import Calendar
from crm.promises.rules import MIDDLE, SAFE, percentile, rules
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.statuses import RepairFlag, RepairStatus

MOST_SAMPLES = 200
# Of one name among the many of a category.
MOST_PER_NAME = 50
KEPT_FRESH = timedelta(days=730)
FINISHED = (RepairStatus.COMPLETED, RepairStatus.READY_PICKUP, RepairStatus.DELIVERED)
GIVEN_UP = (RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE)
_REACHED = ("created", "moved")


@dataclass(frozen=True)
class Remaining:
    """Open days from reaching the present status to the end of the work."""

    middle: int
    safe: int
    basis: str
    level: str | None
    samples: int


class Forecast:
    """Remaining times within one unit of work; what was worked out once is remembered.

    zone: the shop's.
    """

    def __init__(self, uow: UnitOfWork, zone: ZoneInfo):
        self._uow = uow
        self.zone = zone
        self._calendars: dict[int | None, Calendar] = {}
        self._places: dict[int, int | None] = {}
        self._remaining: dict[tuple, Remaining] = {}
        self._openings: dict[tuple, list[Span]] = {}
        self._timings: dict[tuple, list[tuple[datetime, datetime]]] = {}

    @cached_property
    def _first_location(self) -> Location | None:
        return calendars.first_location(self._uow)

    def calendar(self, repair: Repair) -> Calendar:
        if repair.id not in self._places:
            location = calendars.booked_at(self._uow, repair.id) or self._first_location
            place = location.id if location else None
            self._places[repair.id] = place
            if place not in self._calendars:
                self._calendars[place] = calendars.at(self._uow, location, self.zone)
        return self._calendars[self._places[repair.id]]

    def opening(self, repair: Repair, day: date) -> list[Span]:
        """When the place of the repair is open on that day, in order."""
        calendar = self.calendar(repair)
        key = (self._places[repair.id], day)
        if key not in self._openings:
            self._openings[key] = calendar.opening(self._uow, day)
        return self._openings[key]

    def remaining(self, repair: Repair) -> Remaining:
        calendar = self.calendar(repair)
        key = (repair.device.strip().lower(), repair.status, self._places[repair.id])
        if key not in self._remaining:
            self._remaining[key] = self._work_out(key[0], RepairStatus(repair.status), calendar)
        return self._remaining[key]

    def _work_out(self, device: str, status: RepairStatus, calendar: Calendar) -> Remaining:
        model = model_named(self._uow, device)
        levels = [("all", None)]
        if model is not None:
            category = _category(self._uow, model)
            levels = [("model", _names(model)), ("category", category), *levels]
        for level, names in levels:
            days = [
                calendar.open_days.between(calendar.day(start), calendar.day(end))
                for start, end in self._timed(names, status)
                if start <= end
            ]
            if len(days) >= rules().least_samples:
                middle, safe = percentile(days, MIDDLE), percentile(days, SAFE)
                return Remaining(middle, safe, "history", level, len(days))
        return Remaining(*rules().days_left[status], "rule", None, 0)

    def _timed(
        self, names: Sequence[str] | None, status: RepairStatus
    ) -> list[tuple[datetime, datetime]]:
        """Asked once for all devices of one category, and once for those of none."""
        key = (None if names is None else tuple(names), status)
        if key not in self._timings:
            self._timings[key] = timings(self._uow, names, status)
        return self._timings[key]


def timings(
    uow: UnitOfWork, names: Sequence[str] | None, status: RepairStatus
) -> list[tuple[datetime, datetime]]:
    """When finished repairs reached `status` and when their work was completed, newest first.

    names: of devices in lower case; None takes all. None of two years are older, none were given
    up; those that skipped the status are left out.
    """
    recent = _recent(uow, names).subquery()
    started = _reached(recent, RepairEntry.to_status == status).label("started")
    ended = _reached(recent, RepairEntry.to_status.in_(FINISHED)).label("ended")
    both = select(started, ended).select_from(recent).order_by(recent.c.id.desc())
    rows = uow.session.execute(both)
    return [(start, end) for start, end in rows if start is not None and end is not None]


def _recent(uow: UnitOfWork, names: Sequence[str] | None) -> Select:
    done = (
        Repair.status.in_(FINISHED),
        Repair.status_at > uow.now - KEPT_FRESH,
        ~or_(*(Repair.flags.contains([flag]) for flag in GIVEN_UP)),
    )
    if names is None:
        return select(Repair.id).where(*done).order_by(Repair.id.desc()).limit(MOST_SAMPLES)
    each = MOST_SAMPLES if len(names) <= 2 else MOST_PER_NAME
    name = func.unnest(bindparam(None, list(names), type_=ARRAY(Text))).table_valued("name")
    of_name = (
        select(Repair.id)
        .where(func.lower(Repair.device) == name.c.name, *done)
        .order_by(Repair.id.desc())
        .limit(each)
        .lateral()
    )
    return (
        select(of_name.c.id)
        .select_from(name.join(of_name, true()))
        .order_by(of_name.c.id.desc())
        .limit(MOST_SAMPLES)
    )


def _reached(recent: Subquery, which: ColumnElement[bool]) -> ScalarSelect[datetime]:
    return (
        select(RepairEntry.occurred_at)
        .where(RepairEntry.repair_id == recent.c.id, RepairEntry.outcome.in_(_REACHED), which)
        .order_by(RepairEntry.id)
        .limit(1)
        .correlate(recent)
        .scalar_subquery()
    )


def model_named(uow: UnitOfWork, device: str) -> DeviceModel | None:
    """The model of the catalogue that is written exactly like this, with or without its brand."""
    whole = "".join(words.tokens(device))
    if not whole or len(whole) > 100:
        return None
    candidates = uow.session.scalars(
        select(DeviceModel)
        .where(
            DeviceModel.search.op("@@")(func.plainto_tsquery("simple", whole)),
            DeviceModel.retired_at.is_(None),
        )
        .order_by(DeviceModel.id)
        .limit(20)
    )
    return next((model for model in candidates if device.lower() in _names(model)), None)


def _names(model: DeviceModel) -> list[str]:
    return [model.name.lower(), f"{model.brand} {model.name}".lower()]


def _category(uow: UnitOfWork, model: DeviceModel) -> list[str]:
    rows = uow.session.scalars(
        select(DeviceModel).where(DeviceModel.category == model.category).limit(1000)
    )
    return sorted({name for one in rows for name in _names(one)})
