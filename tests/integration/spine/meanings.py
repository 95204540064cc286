"""Customers with several repairs in one conversation, and what their messages were bound to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crm.bookings.events import BookingReceived
from crm.bookings.models import Booking
from crm.core import clock, refs
from crm.locations import service as locations
from crm.repairs import links
from tests import builders
from tests.builders import STAFF

MAC, PHONE = "MacBook Pro 14", "iPhone 13"


def bench(mendline, *devices: str, words: str = "Hello") -> tuple[int, list[str]]:
    """A conversation with linked repairs, all quiet: (number, refs)."""
    number = mendline.open_thread(words)
    refs, owner = [], mendline.one("SELECT max(customer_id) FROM conversations")
    ticket = mendline.one("SELECT max(ticket_id) FROM conversations")
    with mendline.units() as uow:
        for device in devices or (MAC, PHONE):
            repair = builders.repair(uow, owner, device=device)
            links.link(uow, repair, ticket, owner, STAFF)
            refs.append(repair.ref)
    mendline.settle()
    return number, refs


def offer(mendline, *, by_guest: bool = False) -> None:
    """A booking that staff made from the thread, told there and waiting for a yes."""
    with mendline.units() as uow:
        place = {"slug": "quay", "name": "Quay", "timezone": "Europe/London"}
        location = locations.create(uow, STAFF, place)
        starts = uow.now + timedelta(days=2)
        booking = Booking(
            ref=refs.make("BKG", uow.now), status="pending", location_id=location.id,
            customer_id=mendline.one("SELECT customer_id FROM conversations"),
            conversation_id=mendline.one("SELECT id FROM conversations"), way="shop", currency="GBP",
            starts_at=starts, ends_at=starts + timedelta(hours=1), minutes=60, by_guest=by_guest,
            held_until=uow.now + timedelta(hours=5), created_at=uow.now, updated_at=uow.now,
        )  # fmt: skip
        uow.session.add(booking)
        uow.session.flush()
        uow.record(BookingReceived(booking.id, STAFF, clock.iso(starts)))
    mendline.settle()


def phones(mendline, count: int = 1) -> tuple[int, list[str]]:
    return bench(mendline, *(f"Phone {place}" for place in range(count)))


def says(mendline, number: int, words: str) -> None:
    mendline.writes(mendline.thread(number)["meta"]["sender"]["id"], words)
    mendline.settle()


def meant(mendline) -> list[tuple[str, Any, Any]]:
    """(words, repair, why) of every message of the customer."""
    return [tuple(row) for row in mendline.table(
        "SELECT body, details->>'repair', details->>'meant_by' FROM ticket_messages"
        " WHERE author_kind = 'customer' ORDER BY id")]  # fmt: skip
