"""Quotes in the conversation: an agent's command sends one, a customer's plain yes approves it."""

from __future__ import annotations

import pytest

from crm.core.money import Line
from crm.quotes import service
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import NewQuote
from tests.builders import STAFF
from tests.integration.spine.meanings import phones, says


def _note(mendline, number, words):
    before = len(mendline.notes(number))
    mendline.agent(number, words, private=True)
    mendline.settle()
    return mendline.notes(number)[before:]


def _states(mendline):
    return mendline.column("SELECT state FROM quotes ORDER BY id")


def _options(mendline, *options):
    """A sent quote of the only repair."""
    with mendline.units() as uow:
        owner = mendline.one("SELECT customer_id FROM conversations")
        new = NewQuote(1, owner, "GBP", Content(tuple(options)))
        service.send(uow, service.make(uow, new, STAFF).id, STAFF)
    mendline.settle()


def _option(*amounts, optional=()):
    lines = (Line(f"Part {n}", amount, "standard", 2000) for n, amount in enumerate(amounts))
    return Option("", tuple(Item(line, n in optional) for n, line in enumerate(lines)))


def test_a_command_sends_a_quote_and_a_yes_approves_it(mendline):
    number, (ref,) = phones(mendline)
    notes = _note(mendline, number, "!quote £120,50 new screen")
    sent = [note for note in notes if "/quote/" in note]
    assert len(sent) == 1 and "120.50" in sent[0] and ref in sent[0]
    assert _states(mendline) == ["sent"]
    says(mendline, number, "Yes, go ahead!")
    assert _states(mendline) == ["approved"]
    query = "SELECT via || '|' || words || '|' || total_minor FROM quote_decisions"
    assert mendline.column(query) == ["thread|Yes, go ahead!|12050"]
    says(mendline, number, "yes")
    assert mendline.unfinished() == []


@pytest.mark.parametrize(
    "words", ["yes but cheaper please", "yes?", "no", "ok", "<b>yes</b>", "yes 👍"]
)
def test_less_than_a_plain_yes_approves_nothing(mendline, words):
    number, _ = phones(mendline)
    _note(mendline, number, "!quote 120")
    says(mendline, number, words)
    assert _states(mendline) == ["sent"]


def test_a_choice_is_asked_for_once(mendline):
    number, _ = phones(mendline)
    _options(mendline, _option(10_000), _option(20_000))
    for _ in range(2):
        says(mendline, number, "sim")
    assert _states(mendline) == ["sent"]
    query = "SELECT body FROM notifications WHERE template = 'quote_which'"
    (asked,) = mendline.column(query)
    assert asked.count("/quote/") == 1


def test_optional_lines_are_a_choice_too(mendline):
    number, _ = phones(mendline)
    _options(mendline, _option(10_000, 500, optional=(1,)))
    says(mendline, number, "yes")
    assert _states(mendline) == ["sent"]


def test_two_quotes_are_two_links(mendline):
    number, (first, second) = phones(mendline, 2)
    for ref in (first, second):
        _note(mendline, number, f"!quote {ref} 50")
    says(mendline, number, "go ahead")
    assert _states(mendline) == ["sent", "sent"]
    (asked,) = mendline.column("SELECT body FROM notifications WHERE template = 'quote_which'")
    assert asked.count("/quote/") == 2


def test_a_yes_from_before_and_one_of_somebody_else_do_not_count(mendline):
    number, _ = phones(mendline)
    says(mendline, number, "yes")
    _note(mendline, number, "!quote 120")
    mendline.open_thread("yes", email="else@example.com")
    assert _states(mendline) == ["sent"]
