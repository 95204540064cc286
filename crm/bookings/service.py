"""Commands on bookings: how a booking gets and loses its slot. Drafts are in `drafts.py`.

What a booking causes elsewhere (messages, repairs) is left to reactions. Each command is given the
booking locked (`queries.by_ref(..., for_update=True)`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from crm.bookings import drafts, proofs, queries, reservations, rules, wishes
from crm.bookings.events import (
    BookingCancelled,
    BookingCheckedIn,
    BookingConfirmed,
    BookingMissed,
    BookingReceived,
    BookingReopened,
    BookingRescheduled,
)
from crm.bookings.models import BookedDevice, Booking, BookingProof
from crm.bookings.rules import BookingStatus
from crm.core import clock
from crm.core.errors import Conflict, TooMany
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.customers import rules as customer_rules
from crm.customers import service as customers
from crm.customers.service import Person
from crm.locations.models import Location

HOLD_GUEST = timedelta(minutes=15)
HOLD_STAFF = timedelta(hours=24)
MOST_AN_HOUR = 5
LATE_PROOF = timedelta(hours=24)  # until then a late code may still find its slot free
MOST_AT_ONCE = 500


def submit(uow: UnitOfWork, booking: Booking, actor: Actor, *, can_be_proven: bool = True) -> None:
    """Take the wished slot for a while, until the guest proves an address or staff confirms.

    can_be_proven: a code reaches the guest; otherwise the slot is held until staff have had time.
    Raises Invalid (something is missing, or the start is never offered), SlotTaken, TooMany,
    Forbidden (`invite-needed`), Conflict (`booking-<status>`).
    """
    rules.check_move(booking.status, BookingStatus.PENDING)
    drafts.check_complete(uow, booking)
    if booking.by_guest:
        _check_rate(uow, booking)
    _take(uow, booking, booking.starts_at)
    booking.status = BookingStatus.PENDING
    waits_for_guest = booking.by_guest and can_be_proven
    booking.held_until = uow.now + (HOLD_GUEST if waits_for_guest else HOLD_STAFF)
    uow.record(BookingReceived(booking.id, actor, clock.iso(booking.starts_at)))


def reopen(uow: UnitOfWork, booking: Booking, actor: Actor) -> None:
    """Give the held slot back and let the guest change everything again. A draft stays as it is.

    Raises Conflict (`booking-<status>`).
    """
    if booking.status == BookingStatus.DRAFT:
        return
    rules.check_move(booking.status, BookingStatus.DRAFT)
    reservations.release(uow, booking.id)
    booking.status, booking.held_until, booking.updated_at = BookingStatus.DRAFT, None, uow.now
    booking.sequence += 1
    uow.record(BookingReopened(booking.id, actor))


def confirm(uow: UnitOfWork, booking: Booking, actor: Actor, *, proof: BookingProof | None) -> None:
    """Make the slot firm. proof: the guest's; None is the word of staff. A repeat changes nothing.

    Raises Conflict (`booking-<status>`), SlotTaken when the proof came too late.
    """
    if booking.status == BookingStatus.CONFIRMED:
        return
    rules.check_move(booking.status, BookingStatus.CONFIRMED)
    if booking.held_until <= uow.now:
        _take(uow, booking, booking.starts_at)
    booking.status, booking.held_until, booking.updated_at = BookingStatus.CONFIRMED, None, uow.now
    if booking.customer_id is None:
        booking.customer_id = customers.recognise(uow, _person(booking, proof), actor).id
    proven_by = proof.channel if proof else "staff"
    uow.record(BookingConfirmed(booking.id, actor, clock.iso(booking.starts_at), proven_by))


def reschedule(uow: UnitOfWork, booking: Booking, starts_at: datetime, actor: Actor) -> None:
    """Move to another slot; the old one is kept when the new one cannot be had.

    Raises Invalid, SlotTaken, Conflict (`booking-<status>`).
    """
    rules.check_holding(booking.status)
    before = booking.starts_at
    if starts_at == before:
        return
    _take(uow, booking, starts_at)
    booking.sequence += 1
    uow.record(BookingRescheduled(booking.id, actor, clock.iso(before), clock.iso(starts_at)))


def cancel(uow: UnitOfWork, booking: Booking, actor: Actor, reason: str) -> None:
    """Give the slot back. A repeat changes nothing. Raises Conflict (`booking-<status>`)."""
    if booking.status == BookingStatus.CANCELLED:
        return
    rules.check_move(booking.status, BookingStatus.CANCELLED)
    was = booking.status
    _end(uow, booking, BookingStatus.CANCELLED)
    uow.record(BookingCancelled(booking.id, actor, was, reason))


def lapse(uow: UnitOfWork) -> int:
    """End bookings that nobody proved or confirmed within a day of their hold. Returns how many."""
    lapsed = uow.session.scalars(
        select(Booking)
        .where(Booking.status == BookingStatus.PENDING, Booking.held_until < uow.now - LATE_PROOF)
        .order_by(Booking.id)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for booking in lapsed:
        cancel(uow, booking, SYSTEM, "not confirmed in time")
    return len(lapsed)


def miss(uow: UnitOfWork, booking: Booking, actor: Actor) -> None:
    """Nobody came. A repeat changes nothing.

    Raises Conflict (`not-yet` before the start, `booking-<status>`).
    """
    if booking.status == BookingStatus.NO_SHOW:
        return
    rules.check_move(booking.status, BookingStatus.NO_SHOW)
    if booking.starts_at > uow.now:
        raise Conflict("the slot has not begun", code="not-yet")
    _end(uow, booking, BookingStatus.NO_SHOW)
    uow.record(BookingMissed(booking.id, actor))


def check_in(uow: UnitOfWork, booking: Booking, actor: Actor) -> None:
    """The devices are here. A repeat changes nothing. Raises Conflict (`booking-<status>`)."""
    if booking.status == BookingStatus.CHECKED_IN:
        return
    rules.check_move(booking.status, BookingStatus.CHECKED_IN)
    booking.status, booking.updated_at = BookingStatus.CHECKED_IN, uow.now
    uow.record(BookingCheckedIn(booking.id, actor))


def finish(uow: UnitOfWork, repair_id: int) -> None:
    """A repair is done: when no other of its booking is under way, the hours left over are free.

    Does nothing for a repair that was not booked.
    """
    device = uow.session.scalar(select(BookedDevice).where(BookedDevice.repair_id == repair_id))
    if device is None:
        return
    device.finished_at = device.finished_at or uow.now
    if all(one.finished_at for one in queries.devices(uow, device.booking_id)):
        reservations.cut(uow, device.booking_id)


def _end(uow: UnitOfWork, booking: Booking, status: BookingStatus) -> None:
    reservations.release(uow, booking.id)
    booking.status, booking.held_until, booking.updated_at = status, None, uow.now
    booking.sequence += 1


def _take(uow: UnitOfWork, booking: Booking, starts_at: datetime) -> None:
    location = uow.session.get_one(Location, booking.location_id)
    need = wishes.need_of(queries.devices(uow, booking.id), booking.services)
    offer = reservations.take(
        uow, booking.id, location, need, starts_at, technician_id=booking.technician_id
    )
    booking.starts_at, booking.ends_at, booking.updated_at = offer.start, offer.end, uow.now


def _check_rate(uow: UnitOfWork, booking: Booking) -> None:
    same = []
    if booking.email:
        same.append(func.lower(Booking.email) == booking.email.lower())
    if booking.phone:
        same.append(Booking.phone == booking.phone)
    made = uow.session.scalar(
        select(func.count())
        .select_from(Booking)
        .where(
            or_(*same),
            Booking.by_guest,
            Booking.id != booking.id,
            Booking.status != BookingStatus.DRAFT,
            Booking.created_at > uow.now - timedelta(hours=1),
        )
    )
    if made >= MOST_AN_HOUR:
        raise TooMany("too many bookings under this address; call us, or try later", after=3600)


def _person(booking: Booking, proof: BookingProof | None) -> Person:
    """Who booked. The proven key stands first; staff vouch for both."""
    keys = []
    if booking.email:
        proven = proof is None or proof.channel == proofs.EMAIL
        keys.append(customer_rules.email_key(booking.email, proven=proven))
    if booking.phone:
        proven = proof is None or proof.channel == proofs.PHONE
        keys.append(customer_rules.phone_key(booking.phone, proven=proven))
    keys.sort(key=lambda key: not key.proven)
    return Person(booking.name, booking.email, booking.phone, booking.locale, keys=tuple(keys))
