"""Taking a slot and giving it back. The exclusion constraint on `reservations` has the last word."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from crm.bookings import capacity
from crm.bookings.capacity import Capacity, Offer
from crm.bookings.models import BENCH, TECHNICIAN, Booking, Reservation
from crm.bookings.rules import Need
from crm.core import clock
from crm.core.errors import Conflict, Invalid
from crm.core.hours import Span, day_span
from crm.core.uow import UnitOfWork
from crm.locations.models import Location

NEXT_SLOTS = 5
NEXT_DAYS = 7
_EXCLUSION_VIOLATION = "23P01"  # PostgreSQL, Appendix A


class SlotTaken(Conflict):
    """errors: `slots` lists the next free ones, ISO 8601."""

    code = "slot-taken"

    def __init__(self, following: list[datetime]):
        super().__init__("this slot has just been taken; choose another")
        self.errors = {"slots": [clock.iso(start) for start in following]}


class _Gone(Exception):
    """Somebody has the slot: ends the savepoint, and with it the lock."""


def take(
    uow: UnitOfWork,
    booking_id: int,
    location: Location,
    need: Need,
    start: datetime,
    *,
    technician_id: int | None = None,
) -> Offer:
    """Reserve bench and technician from `start` on, instead of what the booking has reserved.

    Raises Invalid (a start that is never offered), SlotTaken.
    """
    zone = ZoneInfo(location.timezone)
    first = start.astimezone(zone).date()
    look = partial(
        capacity.look,
        uow,
        location,
        need,
        first,
        technician_id=technician_id,
        without=booking_id,
    )
    # Whoever comes too late learns it from this one look, and does not queue for the lock.
    wide = look(days=NEXT_DAYS)
    _check_start(uow, wide, start, day_span(first, zone))
    if wide.at(start) is None:
        raise SlotTaken(_following(wide, start))
    try:
        with uow.session.begin_nested():
            # In turns, so that of many at once one wins and nobody meets a deadlock.
            uow.session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                {"name": f"slots:{location.id}"},
            )
            release(uow, booking_id)
            _release_lapsed(uow, location.id)
            offer = look().at(start)
            if offer is None:
                raise _Gone
            _write(uow, booking_id, offer)
    except _Gone as gone:
        raise SlotTaken(_following(look(days=NEXT_DAYS), start)) from gone
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _EXCLUSION_VIOLATION:
            raise
        raise SlotTaken(_following(look(days=NEXT_DAYS), start)) from error
    return offer


def release(uow: UnitOfWork, booking_id: int) -> None:
    """Give back all that a booking has reserved."""
    uow.session.execute(
        update(Reservation)
        .where(Reservation.booking_id == booking_id, Reservation.released_at.is_(None))
        .values(released_at=uow.now)
    )


def cut(uow: UnitOfWork, booking_id: int) -> None:
    """Give back what of a booking's reservation still lies ahead."""
    ours = (Reservation.booking_id == booking_id, Reservation.released_at.is_(None))
    for row in uow.session.scalars(select(Reservation).where(*ours).with_for_update()):
        if row.during.upper <= uow.now:
            continue
        if row.during.lower >= uow.now:
            row.released_at = uow.now
        else:
            row.during = Range(row.during.lower, uow.now)


def _release_lapsed(uow: UnitOfWork, location_id: int) -> None:
    lapsed = select(Booking.id).where(
        Booking.location_id == location_id, capacity.has_lapsed(uow.now)
    )
    uow.session.execute(
        update(Reservation)
        .where(Reservation.released_at.is_(None), Reservation.booking_id.in_(lapsed))
        .values(released_at=uow.now)
        .execution_options(synchronize_session=False)
    )


def _write(uow: UnitOfWork, booking_id: int, offer: Offer) -> None:
    for kind, resource_id in ((BENCH, offer.bench_id), (TECHNICIAN, offer.technician_id)):
        for piece in offer.pieces:
            uow.session.add(
                Reservation(
                    booking_id=booking_id,
                    resource_kind=kind,
                    resource_id=resource_id,
                    during=Range(piece.start, piece.end),
                )
            )
    uow.session.flush()


def _check_start(uow: UnitOfWork, found: Capacity, start: datetime, day: Span) -> None:
    """A start that is offered to nobody is a mistake, not a lost race."""
    if start in found.starts(day):
        return
    if start < found.earliest:
        code = "slot-past" if start < uow.now else "slot-too-soon"
        told = f"The soonest slot starts at {clock.iso(found.earliest)}."
    elif start > found.latest:
        code, told = "slot-too-far", f"Book at most {found.location.horizon_days} days ahead."
    elif not any(one.overlaps(day) for one in found.opening):
        code, told = "closed", f"{found.location.name} is closed on that day."
    else:
        code, told = "slot-not-offered", "Not one of the starts that /slots lists."
    raise Invalid(told, errors={"starts_at": [told]}, code=code)


def _following(found: Capacity, start: datetime) -> list[datetime]:
    after = Span(start, start + timedelta(days=NEXT_DAYS))
    return [offer.start for offer in islice(found.free(after), NEXT_SLOTS)]
