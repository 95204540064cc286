"""Bookings. Staff use references and a key; guests use the signed token of their own booking in
the place of the reference, and need no key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, make_response, request

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create, list_of, paged
from bridge.api.booking_schemas import (
    Booking,
    BookingChange,
    BookingQuery,
    Cancel,
    Code,
    NewBooking,
    Reschedule,
    shown,
)
from bridge.auth import Principal, allow, principal, public, session_token
from bridge.context import here
from bridge.limits import limiter
from crm.bookings import calendars, feeds, proofs, queries, service
from crm.bookings.models import Booking as BookingRow
from crm.bookings.rules import BookingStatus
from crm.bookings.wishes import Device
from crm.core.errors import Conflict, Forbidden, Invalid, NotFound
from crm.core.events import Actor
from crm.core.hours import day_span
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.locations import queries as locations
from crm.locations.service import accepts_invite
from crm.tickets import queries as tickets

BOOKING = "5 per hour"  # a guest's, reliability.md rule 34
CHANGING = "60 per hour"
READING = "120 per minute"
GUEST = Actor("customer", "guest")
WHICH = "<string(maxlength=200):which>"

blp = Blueprint("bookings", __name__, url_prefix="/api/v1/bookings", description="Bookings")


def _has_key() -> bool:
    return "Authorization" in request.headers or session_token() is not None


def _caller(permission: str) -> Principal | None:
    """Who is calling; None is a guest. Raises Unauthenticated, Forbidden."""
    if not _has_key():
        return None
    caller = principal()
    if not caller.may(permission):
        raise Forbidden("your role does not allow this")
    return caller


def _actor(caller: Principal | None) -> Actor:
    return caller.actor if caller else GUEST


guests_only = partial(limiter.limit, exempt_when=_has_key)


def _find(
    uow: UnitOfWork, which: str, caller: Principal | None, *, for_update: bool = False
) -> BookingRow:
    """By reference for staff, by token for whoever holds it. Raises NotFound."""
    booking_id = here().shop.links.read_booking(which, uow.now)
    if booking_id is not None:
        return queries.by_id(uow, booking_id, for_update=for_update)
    if caller is None:
        raise NotFound("no such booking")
    return queries.by_ref(uow, which, for_update=for_update)


def _acted(
    which: str,
    permission: str,
    act: Callable[[UnitOfWork, BookingRow, Principal | None], Any],
    *,
    is_staff_only: bool = False,
) -> Response:
    """One command on a booking, with the answer after its consequences."""
    caller = principal() if is_staff_only else _caller(permission)

    def work(uow: UnitOfWork) -> dict[str, Any]:
        booking = _find(uow, which, caller, for_update=True)
        act(uow, booking, caller)
        uow.react()
        return shown(uow, booking)

    return create(Booking, work, status=200)


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
    caller = _caller("bookings.write")
    return create(Booking, lambda uow: shown(uow, _make(uow, body, caller)))


@blp.route(f"/{WHICH}", methods=["GET"])
@public
@guests_only(READING)
@blp.response(200, Booking)
def show_booking(which):
    """Show a booking"""
    with here().units() as uow:
        return shown(uow, _find(uow, which, _caller("bookings.read")))


@blp.route(f"/{WHICH}", methods=["PATCH"])
@public
@guests_only(CHANGING)
@blp.arguments(BookingChange)
@blp.response(200, Booking)
def change_booking(body, which):
    """Change a draft"""
    if not body:
        raise Invalid("nothing to change")
    caller = _caller("bookings.write")
    with here().units() as uow:
        booking = _find(uow, which, caller, for_update=True)
        service.change(uow, booking, _wishes(body))
        return shown(uow, booking)


@blp.route(f"/{WHICH}/submit", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def submit_booking(which):
    """Take the slot a draft wishes for"""
    return _acted(which, "bookings.write", _submit)


@blp.route(f"/{WHICH}/code", methods=["POST"])
@public
@guests_only(BOOKING)
@blp.response(200, Booking)
def send_code(which):
    """Send a new code; the earlier one is no longer good"""

    def act(uow: UnitOfWork, booking: BookingRow, _: Principal | None) -> None:
        if booking.status != BookingStatus.PENDING:
            raise Conflict("nothing is left to prove", code="nothing-to-prove")
        proofs.send_code(uow, here().seal, here().shop, booking)

    return _acted(which, "bookings.write", act)


@blp.route(f"/{WHICH}/confirm", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Code, required=False)
@blp.response(200, Booking)
def confirm_booking(body, which):
    """Make the slot firm: a guest with the code, staff with their word"""
    caller = _caller("bookings.write")
    proof = None
    if caller is None:
        if "code" not in body:
            raise Invalid("the code is needed", errors={"code": ["This is needed."]})
        # A wrong try is counted even though the request is refused: its own unit.
        with here().units() as uow:
            booking = _find(uow, which, None, for_update=True)
            if booking.status == BookingStatus.CONFIRMED:
                return shown(uow, booking)
            proof = proofs.try_code(uow, booking, body["code"])
        if proof is None:
            raise Invalid("wrong code", errors={"code": ["Wrong code."]}, code="wrong-code")
    return _acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.confirm(uow, booking, _actor(who), proof=proof),
    )


@blp.route(f"/{WHICH}/reschedule", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Reschedule)
@blp.response(200, Booking)
def reschedule_booking(body, which):
    """Move to another slot"""
    return _acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.reschedule(uow, booking, body["starts_at"], _actor(who)),
    )


@blp.route(f"/{WHICH}/cancel", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Cancel, required=False)
@blp.response(200, Booking)
def cancel_booking(body, which):
    """Give the slot back"""
    reason = body.get("reason", "")
    return _acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.cancel(uow, booking, _actor(who), reason),
    )


@blp.route(f"/{WHICH}/no-show", methods=["POST"])
@allow("bookings.check_in")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def miss_booking(which):
    """Nobody came"""
    return _acted(
        which,
        "bookings.check_in",
        lambda uow, booking, who: service.miss(uow, booking, _actor(who)),
        is_staff_only=True,
    )


@blp.route(f"/{WHICH}/check-in", methods=["POST"])
@allow("bookings.check_in")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def check_in_booking(which):
    """The devices are here: each becomes a repair"""
    return _acted(
        which,
        "bookings.check_in",
        lambda uow, booking, who: service.check_in(uow, booking, _actor(who)),
        is_staff_only=True,
    )


@blp.route(f"/{WHICH}.ics", methods=["GET"])
@public
@guests_only(READING)
@blp.response(200, content_type="text/calendar")
def show_calendar_entry(which):
    """The booking as a calendar entry"""
    with here().units() as uow:
        booking = _find(uow, which, _caller("bookings.read"))
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
        service.check_slot(uow, wishes)
    booking = service.draft(
        uow,
        _actor(caller),
        wishes,
        currency=here().shop.currency,
        by_guest=caller is None,
        customer_id=customer_id,
        conversation_id=thread.id if thread else None,
    )
    if booking.starts_at is not None:
        _submit(uow, booking, caller)
    uow.react()
    return booking


def _submit(uow: UnitOfWork, booking: BookingRow, caller: Principal | None) -> None:
    service.submit(uow, booking, _actor(caller))
    if caller is None:
        proofs.send_code(uow, here().seal, here().shop, booking)


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
    """The request as `service.change` takes it."""
    if "devices" not in body:
        return body
    devices = [
        Device(**{**device, "repair_types": tuple(device["repair_types"])})
        for device in body["devices"]
    ]
    return {**body, "devices": devices}
