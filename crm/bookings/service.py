"""Commands on bookings: drafts, and how a booking gets and loses its slot.

What a booking causes elsewhere (messages, repairs) is left to reactions. Each command is given the
booking locked (`queries.by_ref(..., for_update=True)`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select

from crm.bookings import proofs, queries, reservations, rules, wishes
from crm.bookings.events import (
    BookingCancelled,
    BookingCheckedIn,
    BookingConfirmed,
    BookingDrafted,
    BookingMissed,
    BookingReceived,
    BookingRescheduled,
)
from crm.bookings.models import BookedDevice, Booking, BookingProof
from crm.bookings.rules import BookingStatus
from crm.core import clock, refs
from crm.core.errors import Conflict, Invalid, TooMany
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import rules as customer_rules
from crm.customers import service as customers
from crm.customers.service import Person
from crm.locations import queries as locations
from crm.locations.models import Location
from crm.staff import technicians

HOLD_GUEST = timedelta(minutes=15)
HOLD_STAFF = timedelta(hours=24)
MOST_AN_HOUR = 5
WITH_ADDRESS = ("post", "pick_up", "on_site")
_PLAIN = ("name", "email", "phone", "locale", "note", "hand_over", "starts_at")


def check_slot(uow: UnitOfWork, fields: dict[str, Any]) -> None:
    """Whether the wished slot is free for these devices, before anything is written.

    fields: see `change`. Raises Invalid, NotFound, Conflict (`estimate-expired`), SlotTaken.
    """
    location = locations.bookable(uow, fields.get("location"))
    devices = wishes.booked(uow, fields.get("devices", []))
    need = wishes.need_of(devices, wishes.chosen_services(location, fields.get("services", [])))
    wanted = fields.get("technician")
    technician_id = technicians.by_id(uow, wanted).id if wanted is not None else None
    reservations.check_free(uow, location, need, fields["starts_at"], technician_id=technician_id)


def draft(
    uow: UnitOfWork,
    actor: Actor,
    fields: dict[str, Any],
    *,
    currency: str,
    by_guest: bool,
    customer_id: int | None = None,
    conversation_id: int | None = None,
) -> Booking:
    """A booking without a slot. fields: see `change`. Raises Invalid, Conflict."""
    location = locations.bookable(uow, fields.pop("location", None))
    booking = Booking(
        ref=_free_ref(uow),
        status=BookingStatus.DRAFT,
        customer_id=customer_id,
        conversation_id=conversation_id,
        location_id=location.id,
        name="",
        way="shop",
        hand_over={},
        services=[],
        note="",
        minutes=0,
        sequence=0,
        currency=currency,
        by_guest=by_guest,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(booking)
    uow.session.flush()
    change(uow, booking, {"way": _usual_way(location), **fields})
    uow.record(BookingDrafted(booking.id, actor))
    return booking


def change(uow: UnitOfWork, booking: Booking, fields: dict[str, Any]) -> None:
    """Change a draft.

    fields: location (slug), devices (list of `wishes.Device`), services (slugs), way, technician
    (id), and columns name, email, phone, locale, note, hand_over, starts_at. Raises Invalid,
    Conflict (`booking-<status>`, `estimate-expired`), NotFound (technician).
    """
    if booking.status != BookingStatus.DRAFT:
        raise Conflict(
            f"the booking is {booking.status}: reschedule or cancel it",
            code=f"booking-{booking.status.replace('_', '-')}",
        )
    if "location" in fields:
        booking.location_id = locations.bookable(uow, fields["location"]).id
    location = uow.session.get_one(Location, booking.location_id)
    if "devices" in fields:
        rows = wishes.booked(uow, fields["devices"])
        uow.session.execute(delete(BookedDevice).where(BookedDevice.booking_id == booking.id))
        for row in rows:
            row.booking_id = booking.id
        uow.session.add_all(rows)
        uow.session.flush()
    if "services" in fields:
        booking.services = wishes.chosen_services(location, fields["services"])
    if fields.get("technician") is not None:
        booking.technician_id = technicians.by_id(uow, fields["technician"]).id
    if "way" in fields:
        booking.way = fields["way"]
    if booking.way not in location.ways:
        told = f"{location.name} offers: {', '.join(location.ways)}."
        raise Invalid("this way is not offered here", errors={"way": [told]})
    for name in _PLAIN:
        if name in fields:
            setattr(booking, name, fields[name])
    _work_out(uow, booking, location)


def submit(uow: UnitOfWork, booking: Booking, actor: Actor) -> None:
    """Take the wished slot for a while, until the guest proves an address or staff confirms.

    Raises Invalid (something is missing, or the start is never offered), SlotTaken, TooMany,
    Conflict (`booking-<status>`).
    """
    rules.check_move(booking.status, BookingStatus.PENDING)
    _check_complete(uow, booking)
    if booking.by_guest:
        _check_rate(uow, booking)
    _take(uow, booking, booking.starts_at)
    booking.status = BookingStatus.PENDING
    booking.held_until = uow.now + (HOLD_GUEST if booking.by_guest else HOLD_STAFF)
    uow.record(BookingReceived(booking.id, actor, clock.iso(booking.starts_at)))


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


def _usual_way(location: Location) -> str:
    return "shop" if "shop" in location.ways else min(location.ways)


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


def _work_out(uow: UnitOfWork, booking: Booking, location: Location) -> None:
    need = wishes.need_of(queries.devices(uow, booking.id), booking.services)
    booking.minutes = need.minutes
    booking.fee_minor = location.ways[booking.way] + sum(
        service["price_minor"] for service in booking.services
    )
    booking.updated_at = uow.now


def _check_complete(uow: UnitOfWork, booking: Booking) -> None:
    needed = "This is needed."
    missing: dict[str, Any] = {}
    if not queries.devices(uow, booking.id):
        missing["devices"] = [needed]
    if booking.starts_at is None:
        missing["starts_at"] = [needed]
    if not booking.name.strip():
        missing["name"] = [needed]
    if not booking.email and not booking.phone:
        missing["email"] = ["Give an e-mail address or a phone number."]
    if booking.way in WITH_ADDRESS and not booking.hand_over.get("address"):
        missing["hand_over"] = {"address": [needed]}
    if missing:
        raise Invalid("something is missing", errors=missing)


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


def _free_ref(uow: UnitOfWork) -> str:
    while True:
        ref = refs.make(queries.REF_PREFIX, uow.now)
        if uow.session.scalar(select(Booking.id).where(Booking.ref == ref)) is None:
            return ref
