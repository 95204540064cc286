"""What a quote may hold, what it adds up to, and when it needs the customer once more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from crm.billing import replies
from crm.core.errors import Invalid
from crm.core.money import MOST_MINOR, Line
from crm.quotes import rules
from crm.quotes.rules import Content, Item, Option


def line(minor: int, **fields) -> Line:
    return Line("Screen", minor, "standard", 2000, **fields)


def option(*minors: int, optional=()) -> Option:
    return Option("", tuple(Item(line(m), n in optional) for n, m in enumerate(minors)))


def test_optional_lines_count_only_when_chosen():
    made = option(10_000, 500, 700, optional=(1, 2))
    assert made.lowest_minor() == 10_000
    assert sum(one.gross_minor for one in made.chosen({2})) == 10_700
    assert made.everything() == {1, 2}
    content = Content((made, option(9_000)))
    assert (content.lowest_minor(), content.highest_minor()) == (9_000, 11_200)


def test_the_hash_names_everything_the_customer_sees():
    content = Content((option(10_000, 500, optional=(1,)),), title="T", deposit_minor=100)
    assert rules.digest(content, "GBP") == rules.digest(content, "GBP")
    others = {
        rules.digest(content, "EUR"),
        rules.digest(replace(content, title="t"), "GBP"),
        rules.digest(replace(content, deposit_minor=101), "GBP"),
        rules.digest(replace(content, options=(option(10_000, 500),)), "GBP"),
        rules.digest(replace(content, options=(option(10_001, 500, optional=(1,)),)), "GBP"),
    }
    assert len(others | {rules.digest(content, "GBP")}) == 6
    assert rules.read(rules.stored(content)) == content


@pytest.mark.parametrize(
    "content",
    [Content(()), Content((option(1),) * 4), Content((Option("", ()),)),
     Content((option(*[1] * 51),)), Content((option(0),)), Content((option(-1),)),
     Content((option(MOST_MINOR, 1),)), Content((option(100),), deposit_minor=101),
     Content((option(100), option(50)), deposit_minor=51), Content((option(100),), deposit_minor=-1),
     Content((option(500, optional=(0,)),)),
     Content((Option("", (Item(line(1, quantity=100)),)),)),
     Content((Option("", (Item(line(100)), Item(line(-100, kind="discount")))),)),
     Content((Option("", (Item(line(100)), Item(line(-10, kind="discount"), True))),))],
)  # fmt: skip
def test_what_a_quote_may_not_hold(content):
    with pytest.raises(Invalid):
        rules.check(content)


def test_the_limits_themselves_fit():
    rules.check(Content((option(*[1] * 50), option(MOST_MINOR), option(99)), deposit_minor=50))
    rules.check(Content((Option("", (Item(line(100)), Item(line(-99, kind="discount")))),)))


@pytest.mark.parametrize(
    ("now", "needed"), [(10_000, False), (11_000, False), (11_001, True), (9_000, False)]
)
def test_over_run(now, needed):
    assert rules.needs_new_approval(10_000, now, 1_000) is needed


def test_reminders():
    hours = [
        rules.nudge_due(timedelta(hours=h), n) for h, n in ((23, 0), (24, 0), (25, 1), (72, 1))
    ]
    assert hours == [None, 1, None, 2]
    assert rules.nudge_due(timedelta(hours=80), 0) == 2


@pytest.mark.parametrize("text", ["yes", " YES! ", "Ok,\n go  ahead.", "sim", "Pode avançar",
                                  "pode avanc\u0327ar"])  # fmt: skip
def test_a_plain_yes(text):
    assert replies.is_yes(text)


@pytest.mark.parametrize("text", ["", "no", "yes but", "yes?", "yes and no", "sim mas", "не", "y",
                                  "yes\x00", "\u202eyes", "yes" * 5000, "{{ yes }}"])  # fmt: skip
def test_not_a_plain_yes(text):
    assert not replies.is_yes(text)
