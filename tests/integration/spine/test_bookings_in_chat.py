"""A plain yes in the conversation confirms the booking that staff offered there, or nothing."""

from __future__ import annotations

import pytest

from crm.core.money import Line
from crm.quotes import service as quotes
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import NewQuote
from tests.builders import STAFF
from tests.integration.spine.meanings import bench, meant, offer, says


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
    offer(mendline)
    says(mendline, number, words)
    assert _stands(mendline) == ["confirmed"]
    assert meant(mendline)[-1] == (words, None, "agreed")
    assert mendline.count("repair_questions") == 0
    assert "confirmed" in mendline.told(number)[-1]


def test_what_is_less_or_later_confirms_nothing(mendline):
    number, _ = bench(mendline)
    offer(mendline)
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
    offer(mendline, by_guest=True)
    says(mendline, number, "yes")
    mendline.open_thread("yes", email="else@example.com")
    assert _stands(mendline) == ["pending"]


def test_beside_a_quote_it_is_asked_with_links(mendline):
    number, _ = bench(mendline)
    _quote(mendline)
    offer(mendline)
    for _ in range(2):
        says(mendline, number, "yes")
    assert (_stands(mendline), mendline.column("SELECT state FROM quotes")) == (
        ["pending"],
        ["sent"],
    )
    links = [told for told in mendline.told(number) if "Nothing" in told]
    assert len(links) == 1 and "/book/" in links[0] and "/quote/" in links[0]
    assert mendline.unfinished() == []
