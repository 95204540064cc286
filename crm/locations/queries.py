"""Reads of locations; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm.core.errors import Invalid, NotFound
from crm.core.hours import DayHours, Span, span
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.locations.models import Bench, Closure, Location, OpeningHours


def listed(uow: UnitOfWork, *, limit: int, after: Sequence[Any] | None = None) -> Page:
    """Oldest first."""
    query = select(Location)
    return page(uow.session, query, [Location.id], limit=limit, after=after, oldest_first=True)


def by_slug(uow: UnitOfWork, slug: str) -> Location:
    """Raises NotFound."""
    found = uow.session.scalar(select(Location).where(Location.slug == slug))
    if found is None:
        raise NotFound("no such location")
    return found


def active(uow: UnitOfWork) -> list[Location]:
    """Where may be booked, oldest first."""
    query = select(Location).where(Location.is_active).order_by(Location.id)
    return list(uow.session.scalars(query))


def bookable(uow: UnitOfWork, slug: str | None) -> Location:
    """The named location, or the only one there is. Raises Invalid."""
    offered = active(uow)
    fitting = [one for one in offered if slug in (None, one.slug)]
    if len(fitting) == 1:
        return fitting[0]
    told = f"Must be one of: {', '.join(sorted(one.slug for one in offered)) or 'none yet'}."
    raise Invalid("name a location", errors={"location": [told]})


def hours(uow: UnitOfWork, location_id: int) -> list[DayHours]:
    rows = uow.session.scalars(select(OpeningHours).where(OpeningHours.location_id == location_id))
    return sorted(DayHours(row.weekday, row.opens_at, row.closes_at) for row in rows)


def closures(uow: UnitOfWork, location_id: int, first: date) -> list[Closure]:
    """From that day on."""
    return list(
        uow.session.scalars(
            select(Closure)
            .where(Closure.location_id == location_id, Closure.closed_on >= first)
            .order_by(Closure.closed_on)
        )
    )


def open_spans(uow: UnitOfWork, location: Location, first: date, days: int) -> list[Span]:
    """When it is open on these days, in order."""
    week = hours(uow, location.id)
    closed = {row.closed_on for row in closures(uow, location.id, first)}
    zone = ZoneInfo(location.timezone)
    found = []
    for day in (first + timedelta(days=number) for number in range(days)):
        if day in closed:
            continue
        rows = (row for row in week if row.weekday == day.weekday())
        found += [span(day, row.start, row.end, zone) for row in rows]
    return [one for one in found if one is not None]


def benches(uow: UnitOfWork, location_id: int) -> list[Bench]:
    """All of them, those out of use too."""
    query = select(Bench).where(Bench.location_id == location_id).order_by(Bench.id)
    return list(uow.session.scalars(query))
