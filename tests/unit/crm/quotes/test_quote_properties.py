"""Whatever a quote holds: sums add up, the hash tells every difference, limits are kept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.core.money import MOST_MINOR, Line, part_of
from crm.quotes import rules
from crm.quotes.rules import Content, Item, Option

RATES = {"standard": 2000, "reduced": 500, "zero": 0}
words = st.text(max_size=12)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    code = draw(st.sampled_from(sorted(RATES)))
    return Line(
        draw(words), draw(st.integers(1, 10**7)), code, RATES[code], draw(st.integers(1, 99))
    )


items = st.builds(Item, lines(), st.booleans())
options = st.builds(Option, words, st.lists(items, min_size=1, max_size=6).map(tuple), words)
contents = st.builds(
    Content,
    st.lists(options, min_size=1, max_size=3).map(tuple),
    words,
    words,
    st.just(0),
    st.integers(0, 10_000),
)


@given(options, st.sets(st.integers(-3, 60)))
def test_sums_add_up_for_any_ticks(option: Option, ticked: set[int]):
    chosen = option.chosen(ticked)
    totals = rules.totals(chosen)
    assert totals.gross_minor == sum(line.quantity * line.unit_minor for line in chosen)
    assert totals.net_minor + totals.tax_minor == totals.gross_minor
    assert all(one.net_minor + one.tax_minor == one.gross_minor for one in totals.by_rate)
    assert option.lowest_minor() <= totals.gross_minor
    # What is not offered as optional is never left out, and a tick never adds anything else.
    kept = [item.line for item in option.items if not item.is_optional]
    extra = [option.items[n].line for n in sorted(ticked & option.everything())]
    assert sorted(map(repr, chosen)) == sorted(map(repr, kept + extra))


@given(contents)
def test_a_version_is_read_as_it_was_stored(content: Content):
    again = rules.read(rules.stored(content))
    assert again == content and rules.digest(again, "GBP") == rules.digest(content, "GBP")
    assert content.lowest_minor() <= content.highest_minor()


@given(contents, st.data())
def test_the_hash_tells_every_difference(content: Content, data: st.DataObject):
    number = data.draw(st.integers(0, len(content.options) - 1))
    option = content.options[number]
    place = data.draw(st.integers(0, len(option.items) - 1))
    item = option.items[place]
    changed = data.draw(
        st.sampled_from(
            [
                replace(item, is_optional=not item.is_optional),
                replace(item, line=replace(item.line, unit_minor=item.line.unit_minor + 1)),
                replace(item, line=replace(item.line, quantity=item.line.quantity + 1)),
                replace(item, line=replace(item.line, label=item.line.label + " ")),
                replace(item, line=replace(item.line, tax_bp=item.line.tax_bp + 1)),
            ]
        )
    )
    parts = (*option.items[:place], changed, *option.items[place + 1 :])
    offered = (
        *content.options[:number], replace(option, items=parts), *content.options[number + 1 :]
    )  # fmt: skip
    assert rules.digest(replace(content, options=offered), "GBP") != rules.digest(content, "GBP")
    assert rules.digest(content, "EUR") != rules.digest(content, "GBP")


@given(contents, st.integers(-5, 2 * 10**9))
def test_what_passes_keeps_the_limits(content: Content, deposit: int):
    try:
        rules.check(replace(content, deposit_minor=deposit))
    except Invalid:
        assume(False)
    assert 0 <= deposit <= content.lowest_minor() <= content.highest_minor() <= MOST_MINOR
    assert all(option.lowest_minor() > 0 for option in content.options)


@given(st.integers(0, MOST_MINOR), st.integers(0, 10_000))
def test_an_over_run_begins_right_above_its_share(approved: int, share: int):
    most = approved + part_of(approved, share)
    assert not rules.needs_new_approval(approved, most, share)
    assert rules.needs_new_approval(approved, most + 1, share)
