"""What documents say adds up to the penny, whatever their lines, discounts and rates."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Conflict, Invalid
from crm.core.money import Line, totals
from crm.invoices import content, taxes, wording
from crm.invoices.content import Credited

RATES = st.sampled_from([(code, taxes.rate(code)) for code in taxes.codes()])
WORK = st.builds(
    lambda minor, rate, quantity: Line("x", minor, *rate, quantity=quantity),
    st.integers(0, 90_000), RATES, st.integers(1, 5),
)  # fmt: skip
DISCOUNT = st.builds(
    lambda minor, rate: Line("off", -minor, *rate, kind="discount"), st.integers(1, 20_000), RATES
)
LINES = st.lists(st.one_of(WORK, WORK, DISCOUNT), min_size=1, max_size=8).filter(
    lambda lines: sum(line.gross_minor for line in lines) >= 0
)


@given(LINES)
def test_a_document_equals_its_lines(lines):
    charged = content.charged(lines, "registered")
    sums = totals(charged)
    assert charged == tuple(lines)
    assert sums.gross_minor == sum(line.gross_minor for line in lines)
    assert all(one.net_minor + one.tax_minor == one.gross_minor for one in sums.by_rate)
    assert sums.net_minor + sums.tax_minor == sums.gross_minor


@given(LINES)
def test_who_is_not_registered_charges_the_same_without_tax(lines):
    sums = totals(content.charged(lines, "unregistered"))
    assert (sums.gross_minor, sums.tax_minor) == (sum(line.gross_minor for line in lines), 0)


@given(LINES, st.data())
def test_credit_notes_never_exceed(lines, data):
    """Whatever is tried, at each rate no more is given back than was charged, tax and gross."""
    told = {"lines": [asdict(line) for line in lines]}
    charged = {(one.tax, one.tax_bp): one for one in totals(lines).by_rate}
    before: dict[int, int] = {}
    given_tax: dict[tuple[str, int], int] = {}
    for _ in range(6):
        chosen = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, unique=True))
        wanted = [
            Credited(n, data.draw(st.integers(*sorted((0, lines[n].gross_minor))))) for n in chosen
        ]
        try:
            made = content.credited_lines(told, before, wanted)
        except (Invalid, Conflict):
            continue
        sums = content.credited_totals(told, before, made)
        assert sums.gross_minor == sum(one.amount_minor for one in wanted) > 0
        assert sums.net_minor + sums.tax_minor == sums.gross_minor
        for one in sums.by_rate:
            assert one.net_minor + one.tax_minor == one.gross_minor
            rate = (one.tax, one.tax_bp)
            given_tax[rate] = given_tax.get(rate, 0) + one.tax_minor
        for one in wanted:
            before[one.line] = before.get(one.line, 0) + one.amount_minor
    for n, amount in before.items():
        assert abs(amount) <= abs(lines[n].gross_minor)
    for rate, tax in given_tax.items():
        assert abs(tax) <= abs(charged[rate].tax_minor)
    assert sum(before.values()) <= sum(line.gross_minor for line in lines)


@given(LINES.filter(lambda lines: sum(line.gross_minor for line in lines) > 0))
def test_a_whole_invoice_gives_back_exactly_its_tax(lines):
    told = {"lines": [asdict(line) for line in lines]}
    wanted = [Credited(n, one.gross_minor) for n, one in enumerate(lines) if one.gross_minor]
    made = content.credited_lines(told, {}, wanted)
    sums = content.credited_totals(told, {}, made)
    assert (sums.gross_minor, sums.tax_minor) == (
        totals(lines).gross_minor, totals(lines).tax_minor
    )  # fmt: skip


@pytest.mark.parametrize("lines", [[], [Line("x", 1, "standard", 2000)] * 501,
                                   [Line("x", -1, "standard", 2000)]])  # fmt: skip
def test_no_document(lines):
    with pytest.raises(Invalid):
        content.charged(lines, "registered")


def test_taxes_and_limits():
    assert taxes.default() in taxes.codes() and taxes.rate("standard") == 2000
    assert taxes.gross(12000, "standard") == 12000
    with pytest.raises(Invalid):
        taxes.rate("none")
    assert wording.may_be_simple("GB", "GBP", 25000)
    assert not wording.may_be_simple("GB", "GBP", 25001)
    assert not wording.may_be_simple("GB", "EUR", 100)


def test_every_word_is_in_both_languages():
    assert set(wording.words("en")) == set(wording.words("pt"))
    for country in wording.COUNTRIES:
        for spoken in wording.LANGUAGES:
            for kind in ("unregistered", "margin", "exempt"):
                assert wording.note(country, spoken, kind)
    assert [wording.language(one) for one in ("pt-BR", "pt_PT", "de", None)] == [
        "pt", "pt", "en", "en"
    ]  # fmt: skip


def test_the_digest_knows_every_value_and_no_order():
    assert content.digest({"a": 1, "b": [2]}) == content.digest({"b": [2], "a": 1})
    assert content.digest({"a": 1}) != content.digest({"a": 2})
