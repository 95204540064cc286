"""From which number a text message goes: that of the place it is about, where it has one."""

from __future__ import annotations

from sqlalchemy import select

from crm.bookings.models import BookedDevice, Booking
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location
from crm.notifications.models import Notification


def of_message(uow: UnitOfWork, notification_id: int) -> str | None:
    """None: the shop's own (TWILIO_FROM). Without a booking it is told by, the only place counts."""
    told = uow.session.get(Notification, notification_id)
    if told is None:
        return None
    place = _of_booking(uow, told)
    if place is None:
        places = locations.active(uow)
        place = places[0] if len(places) == 1 else None
    return place.sms_from if place is not None else None


def _of_booking(uow: UnitOfWork, told: Notification) -> Location | None:
    """Of the booking itself, or of the one the repair was booked in."""
    booking_id = told.booking_id
    if booking_id is None and told.repair_id is not None:
        booked = select(BookedDevice.booking_id).where(BookedDevice.repair_id == told.repair_id)
        booking_id = uow.session.scalars(booked.limit(1)).first()
    booking = uow.session.get(Booking, booking_id) if booking_id is not None else None
    return uow.session.get(Location, booking.location_id) if booking is not None else None
