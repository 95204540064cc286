"""What a booking looks like on the wire, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from bridge.api import bodies, people
from bridge.api.base import ListQuery
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.context import here
from crm.bookings import queries
from crm.bookings.models import Booking as BookingRow
from crm.bookings.rules import MOST_DEVICES, BookingStatus
from crm.core.errors import Unauthenticated
from crm.core.uow import UnitOfWork
from crm.customers import queries as customers
from crm.locations.models import Location
from crm.locations.service import WAYS
from crm.repairs.models import Repair
from crm.tickets.models import Conversation


class DeviceIn(Strict):
    """A model of the catalogue, or a category while it is not listed, with repair types; or an
    estimate, which says all of that and holds its price."""

    model = Text(120)
    category = Text(80)
    repair_types = fields.List(Text(80), load_default=tuple, validate=validate.Length(max=20))
    estimate = Text(40)
    name = Text(255, at_least=0, load_default="")
    problem = Text(2000, at_least=0, load_default="")


class Address(Strict):
    street = Text(255, required=True)
    postal_code = Text(20, required=True)
    city = Text(120, required=True)
    country = fields.String(required=True, validate=validate.Regexp("[A-Z]{2}$"))


class Parcel(Strict):
    carrier = Text(80, required=True)
    number = Text(80, required=True)


class HandOver(Strict):
    """address: where to send back, collect or come to. parcel: of a device sent by post."""

    address = fields.Nested(Address)
    parcel = fields.Nested(Parcel)


class BookingChange(Strict):
    location = Text(80)
    devices = fields.List(
        fields.Nested(DeviceIn), validate=validate.Length(min=1, max=MOST_DEVICES)
    )
    services = fields.List(Text(80), validate=validate.Length(max=20))
    technician = Whole(1)
    way = one_of(*WAYS)
    hand_over = fields.Nested(HandOver)
    name = Text(255)
    email = people.Email()
    phone = people.Phone()
    locale = Text(12)
    note = Text(2000, at_least=0)
    starts_at = Moment()


class NewBooking(BookingChange):
    """With `starts_at` the slot is taken at once, without it a draft is kept.

    customer_ref, conversation_id: for staff only.
    """

    invite_code = Text(80)
    customer_ref = Text(40)
    conversation_id = Whole(1)


class BookingQuery(ListQuery):
    """date: the day of the slot, on the clock of the location or of the shop."""

    status = one_of(*BookingStatus)
    location = Text(80)
    technician = Whole(1)
    customer = Text(40)
    date = fields.Date()


class Code(Strict):
    code = fields.String(validate=validate.Regexp(r"\s*[0-9]{6}\s*$"))


class Reschedule(Strict):
    starts_at = Moment(required=True)


class Cancel(Strict):
    reason = Text(500, at_least=0, load_default="")


class Device(Schema):
    """price_minor: held by the estimate; null when there is none. repair: made at the check-in."""

    model = fields.String(allow_none=True)
    category = fields.String()
    name = fields.String()
    repair_types = fields.List(fields.String())
    minutes = fields.Integer()
    problem = fields.String()
    estimate = fields.String(allow_none=True)
    price_minor = fields.Integer(allow_none=True)
    repair = fields.String(allow_none=True)


class HistoryEntry(Schema):
    kind = fields.String()
    actor_kind = fields.String()
    actor_name = fields.String()
    data = fields.Dict()
    at = Moment()


class Booking(Schema):
    """ends_at: when the work is due. fee_minor: of the way and the extra services, in the smallest
    unit of `currency`. token: opens this booking without a key, in place of `ref` in addresses; it,
    `link` and `ics_url` are null for staff who may not change bookings."""

    ref = fields.String()
    status = fields.String()
    location = fields.String()
    timezone = fields.String()
    technicians = fields.List(fields.Integer())
    customer = fields.String(allow_none=True)
    conversation_id = fields.Integer(allow_none=True)
    name = fields.String()
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    devices = fields.List(fields.Nested(Device))
    services = fields.List(fields.Dict())
    way = fields.String()
    hand_over = fields.Dict()
    note = fields.String()
    starts_at = Moment(allow_none=True)
    ends_at = Moment(allow_none=True)
    held_until = Moment(allow_none=True)
    minutes = fields.Integer()
    fee_minor = fields.Integer()
    currency = fields.String()
    sequence = fields.Integer()
    history = fields.List(fields.Nested(HistoryEntry))
    token = fields.String(allow_none=True)
    link = fields.String(allow_none=True)
    ics_url = fields.String(allow_none=True)
    created_at = Moment()
    updated_at = Moment()


def shown(uow: UnitOfWork, booking: BookingRow) -> dict[str, Any]:
    """A booking as `Booking` dumps it."""
    columns = ("ref", "status", "name", "email", "phone", "locale", "services", "way", "hand_over",
               "note", "starts_at", "ends_at", "held_until", "minutes", "fee_minor", "currency",
               "sequence", "created_at", "updated_at")  # fmt: skip
    location = uow.session.get_one(Location, booking.location_id)
    conversation = (
        uow.session.get_one(Conversation, booking.conversation_id)
        if booking.conversation_id
        else None
    )
    return {
        **{name: getattr(booking, name) for name in columns},
        "location": location.slug,
        "timezone": location.timezone,
        "technicians": queries.technician_ids(uow, booking.id),
        "customer": customers.refs(uow, [booking.customer_id]).get(booking.customer_id),
        "conversation_id": conversation.number if conversation else None,
        "devices": [_device(uow, device) for device in queries.devices(uow, booking.id)],
        "history": queries.history(uow, booking.id),
        **_keys_to(booking),
    }


def _keys_to(booking: BookingRow) -> dict[str, str | None]:
    """Whoever has one acts as the guest; the guest has it already."""
    try:
        is_shown = bodies.may_have("book")
    except Unauthenticated:
        is_shown = True
    if not is_shown:
        return {"token": None, "link": None, "ics_url": None}
    links = here().shop.links
    token = links.booking_token(booking.id, booking.created_at)
    return {
        "token": token,
        "link": links.booking(booking.id, booking.created_at),
        "ics_url": f"{links.public_url}/api/v1/bookings/{token}.ics",
    }


def _device(uow: UnitOfWork, device: Any) -> dict[str, Any]:
    columns = ("model", "category", "name", "repair_types", "minutes", "problem", "price_minor")
    repair = uow.session.get_one(Repair, device.repair_id) if device.repair_id else None
    return {
        **{name: getattr(device, name) for name in columns},
        "estimate": device.estimate_ref,
        "repair": repair.ref if repair else None,
    }
