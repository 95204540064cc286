"""What happens to a booking: it takes its slot, is proven, moved, cancelled, missed or checked in."""

from __future__ import annotations

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint
from bridge.api.booking_access import (
    CHANGING,
    PREFIX,
    WHICH,
    acted,
    actor_of,
    caller_of,
    find,
    guests_only,
    submit,
)
from bridge.api.booking_schemas import Booking, Cancel, Code, Reschedule, shown
from bridge.auth import Principal, allow, public
from bridge.context import here
from bridge.limits import BOOKING
from crm.bookings import proofs, service
from crm.bookings.models import Booking as BookingRow
from crm.bookings.rules import BookingStatus
from crm.core.errors import Conflict, Invalid
from crm.core.uow import UnitOfWork

blp = Blueprint(
    "booking_moves", __name__, url_prefix=PREFIX, description="What happens to bookings"
)


@blp.route(f"/{WHICH}/submit", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def submit_booking(which):
    """Take the slot a draft wishes for"""
    return acted(which, "bookings.write", submit)


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

    return acted(which, "bookings.write", act)


@blp.route(f"/{WHICH}/confirm", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Code, required=False)
@blp.response(200, Booking)
def confirm_booking(body, which):
    """Make the slot firm: a guest with the code, staff with their word"""
    caller = caller_of("bookings.write")
    proof = None
    if caller is None:
        if "code" not in body:
            raise Invalid("the code is needed", errors={"code": ["This is needed."]})
        # A wrong try is counted even though the request is refused: its own unit.
        with here().units() as uow:
            booking = find(uow, which, None, for_update=True)
            if booking.status == BookingStatus.CONFIRMED:
                return shown(uow, booking)
            proof = proofs.try_code(uow, booking, body["code"])
        if proof is None:
            raise Invalid("wrong code", errors={"code": ["Wrong code."]}, code="wrong-code")
    return acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.confirm(uow, booking, actor_of(who), proof=proof),
    )


@blp.route(f"/{WHICH}/reschedule", methods=["POST"])
@public
@guests_only(CHANGING)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Reschedule)
@blp.response(200, Booking)
def reschedule_booking(body, which):
    """Move to another slot"""
    return acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.reschedule(
            uow, booking, body["starts_at"], actor_of(who)
        ),
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
    return acted(
        which,
        "bookings.write",
        lambda uow, booking, who: service.cancel(uow, booking, actor_of(who), reason),
    )


@blp.route(f"/{WHICH}/no-show", methods=["POST"])
@allow("bookings.check_in")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def miss_booking(which):
    """Nobody came"""
    return acted(
        which,
        "bookings.check_in",
        lambda uow, booking, who: service.miss(uow, booking, actor_of(who)),
        is_staff_only=True,
    )


@blp.route(f"/{WHICH}/check-in", methods=["POST"])
@allow("bookings.check_in")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Booking)
def check_in_booking(which):
    """The devices are here: each becomes a repair"""
    return acted(
        which,
        "bookings.check_in",
        lambda uow, booking, who: service.check_in(uow, booking, actor_of(who)),
        is_staff_only=True,
    )
