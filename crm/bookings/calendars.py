"""Bookings as iCalendar: one entry for the customer, and feeds for technicians and locations.

An entry keeps its UID for ever; SEQUENCE grows when it moves or ends (RFC 5545, 3.8.7.4), and a
cancelled one goes out with METHOD:CANCEL (RFC 5546, 3.2.5). Feeds carry no customer's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from crm.bookings import queries
from crm.bookings.models import Booking
from crm.bookings.rules import BookingStatus
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.locations.models import Location

if TYPE_CHECKING:
    from icalendar import Event

PRODUCT = "-//Mendline//Bookings//EN"
_ENDED = (BookingStatus.CANCELLED, BookingStatus.NO_SHOW)


def of_booking(uow: UnitOfWork, shop: Shop, booking: Booking) -> bytes:
    """The customer's own entry; the booking has a slot."""
    entry = _entry(uow, shop, booking, f"{shop.name}: {booking.ref}")
    entry.add("url", shop.links.booking(booking.id, booking.created_at))
    method = "CANCEL" if booking.status in _ENDED else "PUBLISH"
    return _calendar(shop.name, [entry], method)


def feed(uow: UnitOfWork, shop: Shop, name: str, bookings: Sequence[Booking]) -> bytes:
    """Every booking as an entry named by its devices."""
    entries = []
    for booking in bookings:
        devices = ", ".join(device.name for device in queries.devices(uow, booking.id))
        entries.append(_entry(uow, shop, booking, f"{booking.ref} {devices}".strip()))
    return _calendar(name, entries, "PUBLISH")


def _entry(uow: UnitOfWork, shop: Shop, booking: Booking, summary: str) -> Event:
    from icalendar import Event  # large, and few ask for an entry

    location = uow.session.get_one(Location, booking.location_id)
    zone = ZoneInfo(location.timezone)
    entry = Event()
    entry.add("uid", f"{booking.ref}@{urlsplit(shop.links.public_url).hostname}")
    entry.add("sequence", booking.sequence)
    entry.add("dtstamp", booking.updated_at)
    entry.add("dtstart", booking.starts_at.astimezone(zone))
    entry.add("dtend", booking.ends_at.astimezone(zone))
    entry.add("summary", summary)
    entry.add("location", ", ".join(filter(None, (location.name, location.address))))
    entry.add("status", _status(booking))
    return entry


def _status(booking: Booking) -> str:
    if booking.status in _ENDED:
        return "CANCELLED"
    return "TENTATIVE" if booking.status == BookingStatus.PENDING else "CONFIRMED"


def _calendar(name: str, entries: Sequence[Event], method: str) -> bytes:
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add("x-wr-calname", name)
    for entry in entries:
        calendar.add_component(entry)
    calendar.add_missing_timezones()
    return calendar.to_ical()
