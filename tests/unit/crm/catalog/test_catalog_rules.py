"""Estimates as arithmetic: to the penny, never negative, and never cheaper for a harder case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.catalog import rules_data
from crm.catalog.rules import CONDITIONS, Asked, Factor, Rules, Work, estimate, scaled, spread
from crm.core.errors import Invalid

RULES = Rules(
    factors=(
        Factor("older-than-5-years", "Old", 120, age_over_years=5),
        Factor("condition-poor", "Poor", 130, condition="poor"),
        Factor("urgent", "Urgent", 150, is_urgent=True),
    ),
    tax_name="VAT", tax_percent=20, tax_is_included=True,
    low_percent=90, high_percent=120, least_own_repairs=10, held_days=7,
)  # fmt: skip

prices = st.integers(0, 10_000_000)
works = st.lists(prices, min_size=1, max_size=12).map(
    lambda all_: tuple(
        Work(f"w{n}", "W", price, "price-of-category") for n, price in enumerate(all_)
    )
)
ages = st.integers(0, 60)
percents = st.integers(1, 1000)
owns = st.lists(st.integers(0, 5000), max_size=40)


@st.composite
def all_asked(draw):
    young, old = sorted((draw(ages), draw(ages)))
    return Asked(
        draw(works), young, old, draw(st.sampled_from((None, *CONDITIONS))), draw(st.booleans())
    )


@st.composite
def all_rules(draw):
    factors = tuple(replace(one, percent=draw(percents)) for one in RULES.factors)
    return replace(
        RULES, factors=factors, tax_percent=draw(st.integers(0, 100)),
        tax_is_included=draw(st.booleans()), low_percent=draw(st.integers(0, 100)),
        high_percent=draw(st.integers(100, 1000)),
    )  # fmt: skip


def asked(*prices, age=0, condition=None, is_urgent=False):
    works = tuple(Work(f"w{n}", "W", price, "price-of-category") for n, price in enumerate(prices))
    return Asked(works, age, age, condition, is_urgent)


def test_the_rules_of_the_product():
    found = estimate(RULES, asked(19999, age=6, condition="poor", is_urgent=True))
    assert [(line.rule, line.amount_minor) for line in found.lines] == [
        ("price-of-category", 19999),
        ("older-than-5-years", 4000),
        ("condition-poor", 7200),
        ("urgent", 15600),
    ]
    assert found.total_minor == 46799
    assert found.tax_minor == 7800
    assert (found.low_minor, found.high_minor) == (42119, 56159)


def test_five_years_are_not_older_than_five():
    assert len(estimate(RULES, asked(100, age=5)).lines) == 1
    assert len(estimate(RULES, asked(100, age=6)).lines) == 2


def test_an_unknown_age_widens_the_range_upwards():
    known = estimate(RULES, asked(10_000))
    unknown = estimate(RULES, replace(asked(10_000), oldest_years=9))
    assert unknown.total_minor == known.total_minor == 10_000
    assert (unknown.low_minor, unknown.high_minor) == (known.low_minor, 14_400)


def test_tax_on_top_is_a_line():
    found = estimate(replace(RULES, tax_is_included=False), asked(19999))
    assert (found.lines[-1].kind, found.lines[-1].amount_minor) == ("tax", 4000)
    assert found.total_minor == 23999


def test_rounding_is_half_up():
    assert [scaled(amount, 150) for amount in (1, 2, 3)] == [2, 3, 5]
    assert scaled(10, 105) == 11 and scaled(9, 105) == 9


@given(all_rules(), all_asked(), owns)
def test_lines_sum_up_and_nothing_is_negative(rules, wish, own):
    found = estimate(rules, wish, own)
    assert sum(line.amount_minor for line in found.lines) == found.total_minor
    assert 0 <= found.tax_minor <= found.total_minor
    assert 0 <= found.low_minor <= found.total_minor <= found.high_minor
    assert all(isinstance(line.amount_minor, int) for line in found.lines)


@given(all_asked(), owns, st.integers(0, 11), st.integers(0, 1_000_000))
def test_a_dearer_repair_never_makes_it_cheaper(wish, own, place, more):
    place %= len(wish.works)
    dearer = list(wish.works)
    dearer[place] = replace(dearer[place], price_minor=dearer[place].price_minor + more)
    before, after = (
        estimate(RULES, one, own) for one in (wish, replace(wish, works=tuple(dearer)))
    )
    _is_no_cheaper(before, after)


@given(all_asked(), owns, ages)
def test_each_worse_circumstance_never_makes_it_cheaper(wish, own, years):
    before = estimate(RULES, wish, own)
    older = replace(
        wish, youngest_years=wish.youngest_years + years, oldest_years=wish.oldest_years + years
    )
    for worse in (replace(wish, is_urgent=True), replace(wish, condition="poor"), older):
        _is_no_cheaper(before, estimate(RULES, worse, own))


@given(all_rules(), all_asked(), st.integers(0, 2), st.integers(0, 500))
def test_a_larger_factor_never_makes_it_cheaper(rules, wish, place, more):
    factors = list(rules.factors)
    factors[place] = replace(factors[place], percent=factors[place].percent + more)
    larger = replace(rules, factors=tuple(factors))
    assert estimate(rules, wish).total_minor <= estimate(larger, wish).total_minor
    assert estimate(rules, wish).high_minor <= estimate(larger, wish).high_minor


def _is_no_cheaper(before, after):
    assert before.total_minor <= after.total_minor
    assert before.low_minor <= after.low_minor
    assert before.high_minor <= after.high_minor


def test_own_repairs_count_once_there_are_enough():
    own = [90, 95, 100, 100, 100, 105, 110, 120, 130, 300]
    assert spread(RULES, own[:9]) == (90, 120, "rule")
    assert spread(RULES, own) == (90, 300, "own-repairs")
    # The outermost tenth of eleven or more is left out.
    assert spread(RULES, [*own, 10]) == (90, 130, "own-repairs")
    assert spread(RULES, [150] * 10) == (100, 150, "own-repairs")


@pytest.mark.parametrize(
    "change",
    [
        {"factors": [{"rule": "a", "label": "A", "when": {}, "percent": 0}]},
        {"factors": [{"rule": "a", "label": "A", "when": {"colour": "red"}, "percent": 120}]},
        {"factors": [{"rule": "a", "label": "A", "when": {}, "percent": 120}] * 2},
        {"range": {"low_percent": 120, "high_percent": 130, "least_own_repairs": 10}},
        {"tax": {"name": "VAT", "percent": "20", "is_included": True}},
        {"price_held_days": 0},
    ],
)
def test_broken_rules_are_refused(change):
    good = {
        "factors": [],
        "tax": {"name": "VAT", "percent": 20, "is_included": True},
        "range": {"low_percent": 90, "high_percent": 120, "least_own_repairs": 10},
        "price_held_days": 7,
    }
    rules_data.parse(good)
    with pytest.raises(Invalid):
        rules_data.parse({**good, **change})
