"""Drafts of bookings: what somebody wishes, before a slot is taken for it.

A draft is kept from the first answer and found again by its link. Taking its slot is left to
`service.py`; the devices one by one, with their prices, to `choices.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete

from crm.bookings import queries, reservations, wishes
from crm.bookings.events import BookingDrafted
from crm.bookings.models import BookedDevice, Booking
from crm.bookings.rules import BookingStatus
from crm.core import refs
from crm.core.errors import Conflict, Forbidden, Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location
from crm.locations.service import accepts_invite
from crm.staff import technicians

KEPT = timedelta(days=30)
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
        ref=refs.free(uow, queries.REF_PREFIX, Booking.ref),
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


def check_complete(uow: UnitOfWork, booking: Booking) -> None:
    """Raises Invalid naming what is missing, Forbidden (`invite-needed`)."""
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
    if not is_invited(uow, booking):
        raise Forbidden("this shop takes bookings with an invite code only", code="invite-needed")


def choose_start(uow: UnitOfWork, booking: Booking, starts_at: datetime) -> None:
    """Note a start that is free now. Raises Invalid (never offered), SlotTaken, Conflict."""
    location = uow.session.get_one(Location, booking.location_id)
    need = wishes.need_of(queries.devices(uow, booking.id), booking.services)
    technician_id = booking.technician_id
    reservations.check_free(uow, location, need, starts_at, technician_id=technician_id)
    change(uow, booking, {"starts_at": starts_at})


def invite(uow: UnitOfWork, booking: Booking, code: str | None) -> None:
    """Note the invite a guest gives. Raises Forbidden (`invite-needed`)."""
    location = uow.session.get_one(Location, booking.location_id)
    if not accepts_invite(location, code):
        raise Forbidden("this shop takes bookings with an invite code only", code="invite-needed")
    booking.invite_hash = location.invite_hash


def is_invited(uow: UnitOfWork, booking: Booking) -> bool:
    """Whether the location asks this booking for no (other) invite."""
    location = uow.session.get_one(Location, booking.location_id)
    return not booking.by_guest or location.invite_hash in (None, booking.invite_hash)


def forget(uow: UnitOfWork) -> int:
    """Drop drafts that nobody went on with for 30 days. Returns how many."""
    before = uow.now - KEPT
    old = delete(Booking).where(Booking.status == BookingStatus.DRAFT, Booking.updated_at < before)
    return uow.session.execute(old.execution_options(synchronize_session=False)).rowcount


def _usual_way(location: Location) -> str:
    return "shop" if "shop" in location.ways else min(location.ways)


def _work_out(uow: UnitOfWork, booking: Booking, location: Location) -> None:
    need = wishes.need_of(queries.devices(uow, booking.id), booking.services)
    booking.minutes = need.minutes
    booking.fee_minor = location.ways[booking.way] + sum(
        service["price_minor"] for service in booking.services
    )
    booking.updated_at = uow.now
