"""Reads of bookings; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select

from crm.bookings.models import TECHNICIAN, BookedDevice, Booking, Reservation
from crm.bookings.rules import HOLDING, BookingStatus
from crm.core import refs
from crm.core.errors import NotFound
from crm.core.events import EventRow
from crm.core.hours import Span
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location

REF_PREFIX = "BKG"


def by_ref(uow: UnitOfWork, ref: str, *, for_update: bool = False) -> Booking:
    """Raises NotFound."""
    query = select(Booking).where(Booking.ref == (refs.read(REF_PREFIX, ref) or ""))
    found = uow.session.scalar(query.with_for_update() if for_update else query)
    if found is None:
        raise NotFound("no such booking")
    return found


def by_id(uow: UnitOfWork, booking_id: int, *, for_update: bool = False) -> Booking:
    """Raises NotFound."""
    found = uow.session.get(Booking, booking_id, with_for_update=for_update)
    if found is None:
        raise NotFound("no such booking")
    return found


def devices(uow: UnitOfWork, booking_id: int) -> list[BookedDevice]:
    return list(
        uow.session.scalars(
            select(BookedDevice)
            .where(BookedDevice.booking_id == booking_id)
            .order_by(BookedDevice.position)
        )
    )


def place_of(uow: UnitOfWork, repair_id: int) -> Location | None:
    """Where a repair was handed in: its booking's location, else the only one there is."""
    booked = uow.session.scalar(
        select(Location)
        .join(Booking, Booking.location_id == Location.id)
        .join(BookedDevice, BookedDevice.booking_id == Booking.id)
        .where(BookedDevice.repair_id == repair_id)
    )
    if booked is not None:
        return booked
    places = locations.active(uow)
    return places[0] if len(places) == 1 else None


def category_of(uow: UnitOfWork, repair_id: int) -> str | None:
    """Of the device as it was booked; None when the repair came without a booking."""
    return uow.session.scalar(
        select(BookedDevice.category).where(BookedDevice.repair_id == repair_id)
    )


def technician_ids(uow: UnitOfWork, booking_id: int) -> list[int]:
    """Who has the slot reserved."""
    query = select(Reservation.resource_id).where(
        Reservation.booking_id == booking_id,
        Reservation.resource_kind == TECHNICIAN,
        Reservation.released_at.is_(None),
    )
    return list(uow.session.scalars(query.distinct()))


def listed(
    uow: UnitOfWork,
    *,
    status: str | None = None,
    location_id: int | None = None,
    customer_id: int | None = None,
    technician_id: int | None = None,
    within: Span | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first. within: where the slot starts."""
    exact = {
        Booking.status: status,
        Booking.location_id: location_id,
        Booking.customer_id: customer_id,
    }
    query = select(Booking).where(
        *(column == value for column, value in exact.items() if value is not None)
    )
    if within is not None:
        query = query.where(Booking.starts_at >= within.start, Booking.starts_at < within.end)
    if technician_id is not None:
        query = query.where(_reserved(technician_id))
    return page(uow.session, query, [Booking.id], limit=limit, after=after)


def history(uow: UnitOfWork, booking_id: int) -> list[EventRow]:
    """What happened, oldest first."""
    return list(
        uow.session.scalars(
            select(EventRow)
            .where(EventRow.subject_kind == "booking", EventRow.subject_id == booking_id)
            .order_by(EventRow.id)
        )
    )


def diary(
    uow: UnitOfWork,
    since: datetime,
    *,
    location_id: int | None = None,
    technician_id: int | None = None,
) -> list[Booking]:
    """Bookings with a slot from `since` on, in order; for a location the cancelled ones too."""
    query = select(Booking).where(
        Booking.starts_at >= since,
        Booking.status.not_in((BookingStatus.DRAFT, BookingStatus.PENDING)),
    )
    if location_id is not None:
        query = query.where(Booking.location_id == location_id)
    if technician_id is not None:
        query = query.where(_reserved(technician_id))
    return list(uow.session.scalars(query.order_by(Booking.starts_at, Booking.id)))


def of_conversation(uow: UnitOfWork, conversation_id: int) -> Booking | None:
    """The booking to speak of in a conversation: the next one, else the last one made."""
    mine = Booking.conversation_id == conversation_id
    coming = (
        select(Booking)
        .where(mine, Booking.status.in_(HOLDING), Booking.starts_at >= uow.now)
        .order_by(Booking.starts_at)
        .limit(1)
    )
    latest = (
        select(Booking)
        .where(mine, Booking.status.in_((*HOLDING, BookingStatus.CHECKED_IN)))
        .order_by(Booking.id.desc())
        .limit(1)
    )
    return uow.session.scalar(coming) or uow.session.scalar(latest)


def _reserved(technician_id: int) -> Any:
    return exists().where(
        Reservation.booking_id == Booking.id,
        Reservation.resource_kind == TECHNICIAN,
        Reservation.resource_id == technician_id,
        Reservation.released_at.is_(None),
    )


def is_for_number(number: str) -> ColumnElement[bool]:
    """Made by staff for whoever has this number (E.164), who is nobody's customer yet."""
    return Booking.customer_id.is_(None) & ~Booking.by_guest & (Booking.phone == number)
