"""What a booking page shows: the choices so far with their prices, and days with free times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from crm.bookings import capacity, choices, queries, wishes
from crm.bookings.choices import Choice
from crm.bookings.models import Booking
from crm.catalog import queries as catalog
from crm.core.hours import day_span
from crm.core.uow import UnitOfWork
from crm.locations.models import Location

DAYS_SHOWN = 7
WAYS: dict[str, LazyString] = {
    "shop": _("I bring it to the shop"),
    "post": _("I send it by post"),
    "pick_up": _("You collect it"),
    "on_site": _("You come and repair it here"),
}


@dataclass(frozen=True)
class Summary:
    """What was chosen so far. low_minor, high_minor: of the repairs, with the fees.

    is_open: a device without a price is among them. held_until: of the price held shortest.
    """

    booking: Booking
    place: Location
    zone: ZoneInfo
    choices: tuple[Choice, ...]
    repairs: tuple[tuple[str, ...], ...]
    total_minor: int
    low_minor: int
    high_minor: int
    currency: str
    is_open: bool
    held_until: datetime | None


@dataclass(frozen=True)
class Day:
    date: date
    starts: tuple[datetime, ...]


def summary(uow: UnitOfWork, booking: Booking) -> Summary:
    made = tuple(choices.of(uow, booking))
    held = [one.estimate for one in made if one.estimate]
    place = uow.session.get_one(Location, booking.location_id)

    def total(name: str) -> int:
        return booking.fee_minor + sum(one.result[name] for one in held)

    return Summary(
        booking=booking,
        place=place,
        zone=ZoneInfo(place.timezone),
        choices=made,
        repairs=tuple(_names(uow, row) for row in queries.devices(uow, booking.id)),
        total_minor=total("total_minor"),
        low_minor=total("low_minor"),
        high_minor=total("high_minor"),
        currency=held[0].currency if held else booking.currency,
        is_open=len(held) < len(made),
        held_until=min((one.expires_at for one in held), default=None),
    )


def free_days(uow: UnitOfWork, booking: Booking, first: date) -> list[Day]:
    """The days from `first` on which the work of this booking can begin, with every free start."""
    place = uow.session.get_one(Location, booking.location_id)
    zone = ZoneInfo(place.timezone)
    need = wishes.need_of(queries.devices(uow, booking.id), booking.services)
    found = capacity.look(
        uow, place, need, first, days=DAYS_SHOWN, technician_id=booking.technician_id
    )
    days = []
    for number in range(DAYS_SHOWN):
        day = first + timedelta(days=number)
        starts = tuple(offer.start for offer in found.free(day_span(day, zone)))
        if starts:
            days.append(Day(day, starts))
    return days


def first_days(
    uow: UnitOfWork, booking: Booking, wanted: date | None
) -> tuple[list[Day], date, date | None, date | None]:
    """(days, first, earlier, later): a week with free times, the next one that has any.

    wanted: of the visitor; outside of what may be booked the nearest day counts. earlier, later:
    where further days begin, None at either end.
    """
    place = uow.session.get_one(Location, booking.location_id)
    today = uow.now.astimezone(ZoneInfo(place.timezone)).date()
    last = today + timedelta(days=place.horizon_days)
    first = min(max(wanted or today, today), last)
    days = free_days(uow, booking, first)
    while not days and first + timedelta(days=DAYS_SHOWN) <= last:
        first += timedelta(days=DAYS_SHOWN)
        days = free_days(uow, booking, first)
    earlier = max(first - timedelta(days=DAYS_SHOWN), today) if first > today else None
    later = first + timedelta(days=DAYS_SHOWN)
    return days, first, earlier, later if later <= last else None


def _names(uow: UnitOfWork, row: Any) -> tuple[str, ...]:
    names = {one.slug: one.name for one in catalog.repair_types(uow, row.category)}
    return tuple(names.get(slug, slug) for slug in row.repair_types)
