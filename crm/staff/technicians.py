"""Technicians: what they can do, and when and where they work. Commands are audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.hours import DayHours, Span, check_week, span
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.staff.models import Staff
from crm.staff.technician_models import ANY_DEVICE, Shift, ShiftException, Technician


@dataclass(frozen=True)
class WeeklyShift:
    """hours: in the wall clock of the location."""

    location_id: int
    hours: DayHours


def listed(uow: UnitOfWork, *, limit: int, after: Sequence[Any] | None = None) -> Page:
    """Oldest first."""
    query = select(Technician)
    return page(uow.session, query, [Technician.id], limit=limit, after=after, oldest_first=True)


def by_id(uow: UnitOfWork, technician_id: int) -> Technician:
    """Raises NotFound."""
    found = uow.session.get(Technician, technician_id)
    if found is None:
        raise NotFound("no such technician")
    return found


def create(uow: UnitOfWork, actor: Actor, fields: dict[str, Any]) -> Technician:
    """fields: name, skills, staff_id. Raises Invalid (nobody with this staff_id), Conflict."""
    technician = Technician(skills=[], is_active=True, created_at=uow.now)
    _set(uow, technician, fields)
    uow.session.add(technician)
    uow.session.flush()
    audit.write(uow, actor, "technician.create", f"technician/{technician.id}")
    return technician


def change(uow: UnitOfWork, actor: Actor, technician_id: int, fields: dict[str, Any]) -> Technician:
    """Raises NotFound, Invalid, Conflict (`staff-taken`). What is booked with them stays."""
    technician = by_id(uow, technician_id)
    _set(uow, technician, fields)
    audit.write(
        uow, actor, "technician.change", f"technician/{technician_id}", {"fields": sorted(fields)}
    )
    return technician


def shifts(uow: UnitOfWork, technician_id: int) -> list[WeeklyShift]:
    rows = uow.session.scalars(select(Shift).where(Shift.technician_id == technician_id))
    week = [WeeklyShift(r.location_id, DayHours(r.weekday, r.starts_at, r.ends_at)) for r in rows]
    return sorted(week, key=lambda shift: shift.hours)


def set_shifts(
    uow: UnitOfWork, actor: Actor, technician_id: int, week: Sequence[WeeklyShift]
) -> None:
    """Replace the weekly shifts. Nobody works twice at once: overlaps are refused across locations.

    Raises NotFound, Invalid.
    """
    by_id(uow, technician_id)
    check_week([shift.hours for shift in week], "shifts")
    uow.session.execute(delete(Shift).where(Shift.technician_id == technician_id))
    uow.session.add_all(
        Shift(
            technician_id=technician_id,
            location_id=shift.location_id,
            weekday=shift.hours.weekday,
            starts_at=shift.hours.start,
            ends_at=shift.hours.end,
        )
        for shift in week
    )
    audit.write(uow, actor, "technician.shifts", f"technician/{technician_id}")


def exceptions(uow: UnitOfWork, technician_id: int, first: date) -> list[ShiftException]:
    """From that day on."""
    return list(
        uow.session.scalars(
            select(ShiftException)
            .where(ShiftException.technician_id == technician_id, ShiftException.day >= first)
            .order_by(ShiftException.day)
        )
    )


def set_exception(
    uow: UnitOfWork,
    actor: Actor,
    technician_id: int,
    on: date,
    *,
    location_id: int | None = None,
    hours: tuple[time, time] | None = None,
) -> ShiftException:
    """Make one day differ from the week; without hours the technician is away.

    Raises NotFound, Invalid (hours without a location, or ending before they begin).
    """
    by_id(uow, technician_id)
    if (location_id is None) != (hours is None):
        told = ["Give location, starts_at and ends_at, or none of them."]
        raise Invalid("half an exception", errors={"location": told})
    if hours is not None:
        check_week([DayHours(on.weekday(), *hours)], "ends_at")
    starts_at, ends_at = hours or (None, None)
    row = uow.session.merge(
        ShiftException(
            technician_id=technician_id,
            day=on,
            location_id=location_id,
            starts_at=starts_at,
            ends_at=ends_at,
        )
    )
    audit.write(
        uow, actor, "technician.exception", f"technician/{technician_id}", {"on": on.isoformat()}
    )
    return row


def drop_exception(uow: UnitOfWork, actor: Actor, technician_id: int, on: date) -> None:
    """That day is as every week again. Raises NotFound."""
    row = uow.session.get(ShiftException, (technician_id, on))
    if row is None:
        raise NotFound("this day is as every week")
    uow.session.delete(row)
    audit.write(
        uow, actor, "technician.exception", f"technician/{technician_id}", {"off": on.isoformat()}
    )


def at_work(
    uow: UnitOfWork, location_id: int, zone: ZoneInfo, first: date, days: int
) -> dict[int, list[Span]]:
    """Active technician's id -> when they work at this location on these days, in order."""
    last = first + timedelta(days=days)
    weekly = uow.session.execute(
        select(Technician.id, Shift)
        .join(Shift, Shift.technician_id == Technician.id)
        .where(Shift.location_id == location_id, Technician.is_active)
    ).all()
    special = uow.session.scalars(
        select(ShiftException)
        .join(Technician, Technician.id == ShiftException.technician_id)
        .where(Technician.is_active, ShiftException.day >= first, ShiftException.day < last)
    ).all()
    other_days = {(row.technician_id, row.day) for row in special}
    found: dict[int, list[Span]] = {}
    for day in (first + timedelta(days=number) for number in range(days)):
        today = [
            (technician_id, shift)
            for technician_id, shift in weekly
            if shift.weekday == day.weekday() and (technician_id, day) not in other_days
        ]
        today += [
            (row.technician_id, row)
            for row in special
            if row.day == day and row.location_id == location_id
        ]
        for technician_id, row in today:
            stretch = span(day, row.starts_at, row.ends_at, zone)
            if stretch is not None:
                found.setdefault(technician_id, []).append(stretch)
    return {technician_id: sorted(spans) for technician_id, spans in found.items()}


def skills(uow: UnitOfWork, ids: Sequence[int]) -> dict[int, frozenset[str]]:
    rows = uow.session.execute(
        select(Technician.id, Technician.skills).where(Technician.id.in_(ids))
    )
    return {technician_id: frozenset(known) for technician_id, known in rows}


def can_repair(known: frozenset[str], device: frozenset[str]) -> bool:
    """device: what it counts as, its category and its family."""
    return ANY_DEVICE in known or bool(known & device)


def _set(uow: UnitOfWork, technician: Technician, fields: dict[str, Any]) -> None:
    staff_id = fields.get("staff_id")
    if staff_id is not None:
        if uow.session.get(Staff, staff_id) is None:
            raise Invalid("nobody here has this id", errors={"staff_id": ["Nobody with this id."]})
        holder = uow.session.scalar(select(Technician).where(Technician.staff_id == staff_id))
        if holder is not None and holder is not technician:
            raise Conflict("this person is a technician already", code="staff-taken")
    for name, value in fields.items():
        setattr(technician, name, value)
