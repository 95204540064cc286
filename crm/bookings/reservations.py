"""Taking a slot and giving it back. The exclusion constraint on the table has the last word."""

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


def check_free(
    uow: UnitOfWork,
    location: Location,
    need: Need,
    start: datetime,
    *,
    technician_id: int | None = None,
) -> None:
    """Whether the slot can be had as things look: who comes too late learns it without writing or
    queueing. Raises as `take` does."""
    first = start.astimezone(ZoneInfo(location.timezone)).date()
    found = capacity.look(uow, location, need, first, days=NEXT_DAYS, technician_id=technician_id)
    _check_start(uow, found, start)
    if found.at(start) is None:
        raise SlotTaken(_following(found, start))


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

    Raises Invalid (a start that is never offered), SlotTaken; then the booking keeps what it had.
    """
    first = start.astimezone(ZoneInfo(location.timezone)).date()
    look = partial(capacity.look, uow, location, need, first, technician_id=technician_id)
    try:
        with uow.session.begin_nested():
            # In turns, so that of many at once one wins and nobody meets a deadlock.
            uow.session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                {"name": f"slots:{location.id}"},
            )
            release(uow, booking_id)
            _release_lapsed(uow, location.id)
            found = look()
            _check_start(uow, found, start)
            offer = found.at(start)
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


def _check_start(uow: UnitOfWork, found: Capacity, start: datetime) -> None:
    """A start that is offered to nobody is a mistake, not a lost race."""
    zone = ZoneInfo(found.location.timezone)
    day = day_span(start.astimezone(zone).date(), zone)
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
