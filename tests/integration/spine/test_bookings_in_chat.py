"""A plain yes in the conversation confirms the booking that staff offered there, or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm.bookings.events import BookingReceived
from crm.bookings.models import Booking
from crm.core import clock, refs
from crm.core.money import Line
from crm.locations import service as locations
from crm.quotes import service as quotes
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import NewQuote
from tests.builders import STAFF
from tests.integration.spine.meanings import bench, meant, says


def _offer(mendline, *, by_guest: bool = False) -> None:
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


def _quote(mendline) -> None:
    with mendline.units() as uow:
        owner = mendline.one("SELECT customer_id FROM conversations")
        option = Option("", (Item(Line("Screen", 10_000, "standard", 2000), False),))
        new = NewQuote(1, owner, "GBP", Content((option,)))
        quotes.send(uow, quotes.make(uow, new, STAFF).id, STAFF)
    mendline.settle()


def _stands(mendline) -> list[str]:
    return mendline.column("SELECT status FROM bookings ORDER BY id")


@pytest.mark.parametrize("words", ["Yes!", "sim, por favor"])
def test_a_yes_confirms(mendline, words):
    number, _ = bench(mendline)
    _offer(mendline)
    says(mendline, number, words)
    assert _stands(mendline) == ["confirmed"]
    assert meant(mendline)[-1] == (words, None, "agreed")
    assert mendline.count("repair_questions") == 0
    assert "confirmed" in mendline.told(number)[-1]


def test_what_is_less_or_later_confirms_nothing(mendline):
    number, _ = bench(mendline)
    _offer(mendline)
    says(mendline, number, "yes, but later please")
    mendline.agent(number, "Shall we call you?")
    mendline.settle()
    says(mendline, number, "yes")
    assert _stands(mendline) == ["pending"]
    says(mendline, number, "cancel")
    assert _stands(mendline) == ["pending"]
    assert "/book/" in mendline.told(number)[-1]


def test_a_guests_booking_and_another_thread_wait(mendline):
    number, _ = bench(mendline)
    _offer(mendline, by_guest=True)
    says(mendline, number, "yes")
    mendline.open_thread("yes", email="else@example.com")
    assert _stands(mendline) == ["pending"]


def test_beside_a_quote_it_is_asked_with_links(mendline):
    number, _ = bench(mendline)
    _quote(mendline)
    _offer(mendline)
    for _ in range(2):
        says(mendline, number, "yes")
    assert (_stands(mendline), mendline.column("SELECT state FROM quotes")) == (
        ["pending"],
        ["sent"],
    )
    links = [told for told in mendline.told(number) if "Nothing" in told]
    assert len(links) == 1 and "/book/" in links[0] and "/quote/" in links[0]
    assert mendline.unfinished() == []
