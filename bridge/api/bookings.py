"""Bookings: made, listed, shown, changed while they are drafts, and as calendars.

Who may call is in `booking_access.py`, what happens to a booking in `booking_moves.py`.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, make_response

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create, list_of, paged
from bridge.api.booking_access import (
    CHANGING,
    PREFIX,
    READING,
    WHICH,
    actor_of,
    caller_of,
    find,
    guests_only,
    submit,
)
from bridge.api.booking_schemas import (
    Booking,
    BookingChange,
    BookingQuery,
    NewBooking,
    shown,
)
from bridge.auth import Principal, allow, public
from bridge.context import here
from bridge.limits import BOOKING, limiter
from crm.bookings import calendars, drafts, feeds, queries
from crm.bookings.models import Booking as BookingRow
from crm.bookings.wishes import Device
from crm.core.errors import Forbidden, Invalid, NotFound
from crm.core.hours import day_span
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.locations import queries as locations
from crm.locations.service import accepts_invite
from crm.tickets import queries as tickets

blp = Blueprint("bookings", __name__, url_prefix=PREFIX, description="Bookings")


@blp.route("", methods=["GET"])
@allow("bookings.read")
@blp.arguments(BookingQuery, location="query")
@blp.response(200, list_of(Booking))
def list_bookings(query):
    """List bookings, newest first"""
    with here().units() as uow:
        place = locations.by_slug(uow, query["location"]) if "location" in query else None
        customer = customers.by_ref(uow, query["customer"]) if "customer" in query else None
        zone = ZoneInfo(place.timezone) if place else here().shop.timezone
        read = partial(
            queries.listed,
            uow,
            status=query.get("status"),
            technician_id=query.get("technician"),
            location_id=place.id if place else None,
            customer_id=customer.id if customer else None,
            within=day_span(query["date"], zone) if "date" in query else None,
        )
        return paged(query, read, partial(shown, uow))


@blp.route("", methods=["POST"])
@public
@guests_only(BOOKING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewBooking)
@blp.response(201, Booking)
def create_booking(body):
    """Book a slot, or keep a draft. A guest's slot is firm once the code sent to them is given"""
    caller = caller_of("bookings.write")
    return create(Booking, lambda uow: shown(uow, _make(uow, body, caller)))


@blp.route(f"/{WHICH}", methods=["GET"])
@public
@guests_only(READING)
@blp.response(200, Booking)
def show_booking(which):
    """Show a booking"""
    with here().units() as uow:
        return shown(uow, find(uow, which, caller_of("bookings.read")))


@blp.route(f"/{WHICH}", methods=["PATCH"])
@public
@guests_only(CHANGING)
@blp.arguments(BookingChange)
@blp.response(200, Booking)
def change_booking(body, which):
    """Change a draft"""
    if not body:
        raise Invalid("nothing to change")
    caller = caller_of("bookings.write")
    with here().units() as uow:
        booking = find(uow, which, caller, for_update=True)
        drafts.change(uow, booking, _wishes(body))
        return shown(uow, booking)


@blp.route(f"/{WHICH}.ics", methods=["GET"])
@public
@guests_only(READING)
@blp.response(200, content_type="text/calendar")
def show_calendar_entry(which):
    """The booking as a calendar entry, with the customer's link"""
    with here().units() as uow:
        booking = find(uow, which, caller_of("bookings.write"))
        if booking.starts_at is None or booking.ends_at is None:
            raise NotFound("a draft has no place in a calendar")
        return _calendar(calendars.of_booking(uow, here().shop, booking))


@blp.route("/feeds/<string(maxlength=80):token>.ics", methods=["GET"])
@public
@limiter.limit(READING)
@blp.response(200, content_type="text/calendar")
def show_feed(token):
    """The calendar of a technician or a location, by its secret address"""
    with here().units() as uow:
        return _calendar(feeds.read(uow, here().shop, token))


def _calendar(content: bytes) -> Response:
    response = make_response(content)
    response.headers["Content-Type"] = "text/calendar; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    return response


def _make(uow: UnitOfWork, body: dict[str, Any], caller: Principal | None) -> BookingRow:
    only_staff = [name for name in ("customer_ref", "conversation_id") if name in body]
    if caller is None and only_staff:
        raise Invalid("for staff", errors={name: ["For staff only."] for name in only_staff})
    place = locations.bookable(uow, body.get("location"))
    invite = body.pop("invite_code", None)
    if caller is None and not accepts_invite(place, invite):
        raise Forbidden("this shop takes bookings with an invite code only", code="invite-needed")
    customer_id = None
    if "customer_ref" in body:
        customer_id = customers.by_ref(uow, body.pop("customer_ref")).id
    thread = _conversation(uow, body.pop("conversation_id", None))
    if thread is not None and customer_id is None:
        customer_id = thread.customer_id
    wishes = _wishes(body)
    if "starts_at" in wishes:
        drafts.check_slot(uow, wishes)
    booking = drafts.draft(
        uow,
        actor_of(caller),
        wishes,
        currency=here().shop.currency,
        by_guest=caller is None,
        customer_id=customer_id,
        conversation_id=thread.id if thread else None,
    )
    if caller is None:
        drafts.invite(uow, booking, invite)
    if booking.starts_at is not None:
        submit(uow, booking, caller)
    uow.react()
    return booking


def _conversation(uow: UnitOfWork, number: int | None) -> Any:
    if number is None:
        return None
    account_id = here().settings.chatwoot.account_id
    found = tickets.listed(uow, conversation=(account_id, number), limit=1).items
    for thread in tickets.conversations(uow, [ticket.id for ticket in found]).get(
        found[0].id if found else 0, ()
    ):
        if thread.number == number:
            return thread
    raise NotFound("no such conversation")


def _wishes(body: dict[str, Any]) -> dict[str, Any]:
    """The request as `drafts.change` takes it."""
    if "devices" not in body:
        return body
    devices = [
        Device(**{**device, "repair_types": tuple(device["repair_types"])})
        for device in body["devices"]
    ]
    return {**body, "devices": devices}
