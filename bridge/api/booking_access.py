"""Who calls the addresses of bookings: staff with a reference and a key, or guests, who use the signed
token of their own booking in the place of the reference and need no key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, request

from bridge.api.base import create
from bridge.api.booking_schemas import Booking, shown
from bridge.auth import COOKIE, Principal, need, principal
from bridge.context import here
from bridge.limits import limiter
from crm.bookings import proofs, queries, service
from crm.bookings.models import Booking as BookingRow
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork

CHANGING = "60 per hour"
READING = "120 per minute"
GUEST = Actor("customer", "guest")
WHICH = "<string(maxlength=200):which>"
PREFIX = "/api/v1/bookings"


def _has_key() -> bool:
    return "Authorization" in request.headers or COOKIE.token() is not None


def caller_of(permission: str) -> Principal | None:
    """Who is calling; None is a guest. Raises Unauthenticated, Forbidden."""
    return need(permission) if _has_key() else None


def actor_of(caller: Principal | None) -> Actor:
    return caller.actor if caller else GUEST


guests_only = partial(limiter.limit, exempt_when=_has_key)


def find(
    uow: UnitOfWork, which: str, caller: Principal | None, *, for_update: bool = False
) -> BookingRow:
    """By reference for staff, by token for whoever holds it. Raises NotFound."""
    booking_id = here().shop.links.read_booking(which, uow.now)
    if booking_id is not None:
        return queries.by_id(uow, booking_id, for_update=for_update)
    if caller is None:
        raise NotFound("no such booking")
    return queries.by_ref(uow, which, for_update=for_update)


def acted(
    which: str,
    permission: str,
    act: Callable[[UnitOfWork, BookingRow, Principal | None], Any],
    *,
    is_staff_only: bool = False,
) -> Response:
    """One command on a booking, with the answer after its consequences."""
    caller = principal() if is_staff_only else caller_of(permission)

    def work(uow: UnitOfWork) -> dict[str, Any]:
        booking = find(uow, which, caller, for_update=True)
        act(uow, booking, caller)
        uow.react()
        return shown(uow, booking)

    return create(Booking, work, status=200)


def submit(uow: UnitOfWork, booking: BookingRow, caller: Principal | None) -> None:
    service.submit(uow, booking, actor_of(caller))
    if caller is None:
        proofs.send_code(uow, here().seal, here().shop, booking)
