"""A first place to book at, so that a fresh shop takes bookings at once; the shop changes it later."""

from __future__ import annotations

from datetime import time

from sqlalchemy import select

from crm.core.events import SYSTEM
from crm.core.hours import DayHours
from crm.core.uow import UnitOfWork
from crm.locations import service as locations
from crm.locations.models import Location
from crm.staff import technicians
from crm.staff.technician_models import ANY_DEVICE
from crm.staff.technicians import WeeklyShift

SLUG = "shop"
# The shop facts of a repair shop that has not said otherwise: Mon-Fri 9-18, Sat 10-16.
WEEK = (
    *(DayHours(weekday, time(9), time(18)) for weekday in range(5)),
    DayHours(5, time(10), time(16)),
)


def furnish(uow: UnitOfWork, name: str, timezone: str) -> bool:
    """Make location, bench and technician when there is no location yet. Returns whether it did."""
    if uow.session.scalar(select(Location.id).limit(1)) is not None:
        return False
    fields = {"slug": SLUG, "name": name, "timezone": timezone}
    place = locations.create(uow, SYSTEM, fields)
    locations.set_hours(uow, SYSTEM, SLUG, WEEK)
    locations.add_bench(uow, SYSTEM, SLUG, "1")
    person = technicians.create(uow, SYSTEM, {"name": "Workshop", "skills": [ANY_DEVICE]})
    shifts = [WeeklyShift(place.id, hours) for hours in WEEK]
    technicians.set_shifts(uow, SYSTEM, person.id, shifts)
    return True
