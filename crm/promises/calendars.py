"""The days and hours that count for one repair: those of the place it is repaired at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm.bookings.models import BookedDevice, Booking
from crm.core.hours import Span, span
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location
from crm.promises.rules import OpenDays, rules

# As far back as finished repairs are looked at.
BACK = timedelta(days=760)


@dataclass(frozen=True)
class Calendar:
    """location: None where nobody entered any hours yet; then those of `data/rules.yaml` count."""

    zone: ZoneInfo
    open_days: OpenDays
    location: Location | None

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def opening(self, uow: UnitOfWork, day: date) -> list[Span]:
        """When it is open on that day, in order."""
        if self.location is not None:
            return locations.open_spans(uow, self.location, day, 1)
        if not self.open_days.is_open(day):
            return []
        found = span(day, rules().opens_at, rules().closes_at, self.zone)
        return [found] if found else []


def booked_at(uow: UnitOfWork, repair_id: int) -> Location | None:
    """Where the repair was booked, None when nobody booked it."""
    return uow.session.scalar(
        select(Location)
        .join(Booking, Booking.location_id == Location.id)
        .join(BookedDevice, BookedDevice.booking_id == Booking.id)
        .where(BookedDevice.repair_id == repair_id)
        .limit(1)
    )


def first_location(uow: UnitOfWork) -> Location | None:
    """Where a repair is that nobody booked."""
    query = select(Location).where(Location.is_active).order_by(Location.id).limit(1)
    return uow.session.scalar(query)


def at(uow: UnitOfWork, location: Location | None, zone: ZoneInfo) -> Calendar:
    """zone: the shop's; a location has its own."""
    if location is None:
        return Calendar(zone, OpenDays(rules().weekdays), None)
    own = ZoneInfo(location.timezone)
    week = {row.weekday for row in locations.hours(uow, location.id)}
    since = (uow.now - BACK).astimezone(own).date()
    closed = frozenset(row.closed_on for row in locations.closures(uow, location.id, since))
    # A location whose hours nobody entered is not one that never opens.
    open_days = OpenDays(frozenset(week) or rules().weekdays, closed)
    return Calendar(own, open_days, location if week else None)
