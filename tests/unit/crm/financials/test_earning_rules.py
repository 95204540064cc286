"""A document's tax line by line, what time costs, what share a margin is."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from crm.core.money import Line, totals
from crm.financials import rules
from crm.financials.rules import HourlyCost
from crm.financials.sheets import amount, text

RATES = (("standard", 2000), ("reduced", 500), ("zero", 0), ("margin", 0))


def some_lines(chance: random.Random) -> list[Line]:
    return [
        Line(
            f"line {n}", chance.choice((-1, 1, 1, 1)) * chance.randrange(0, 10**7), *rate,
            quantity=chance.randrange(1, 5),
        )
        for n in range(chance.randrange(1, 12))
        for rate in [chance.choice(RATES)]
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_the_lines_tax_adds_up_to_the_documents(seed):
    lines = some_lines(random.Random(seed))
    whole = totals(lines)
    found = rules.taxes(lines, whole.tax_minor)
    assert sum(found) == whole.tax_minor
    for line, tax in zip(lines, found, strict=True):
        exact = Decimal(line.gross_minor * line.tax_bp) / (10_000 + line.tax_bp)
        assert abs(tax - exact) <= 1
        assert line.tax_bp or tax == 0


def test_what_is_left_goes_to_the_largest_taxed_line():
    lines = [Line("a", 100, "standard", 2000), Line("b", 900, "standard", 2000),
             Line("c", 5000, "zero", 0)]  # fmt: skip
    assert rules.taxes(lines, 168) == [17, 151, 0]
    assert rules.taxes([], 0) == []


def test_time_is_rounded_once():
    cost = HourlyCost("GBP", 2850)
    assert rules.time_cost(cost, 3600) == 2850
    assert rules.time_cost(cost, Decimal("1800.00")) == 1425
    assert rules.time_cost(cost, 0) == 0
    assert rules.time_cost(HourlyCost("GBP", 1), 1800) == 1


def test_the_shipped_rules_cost_no_time():
    told = rules.rules()
    assert told.hourly_cost is None and told.stages and told.most_hours > 0


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(50, 200, 25.0), (-50, 200, -25.0), (1, 3, 33.3), (0, 1, 0.0), (5, 0, None), (5, -9, None)],
)
def test_a_share_of_nothing_is_none(part, whole, told):
    assert rules.percent(part, whole) == told


@pytest.mark.parametrize(
    ("minor", "currency", "told"),
    [(-1250, "GBP", "-12.50"), (0, "GBP", "0.00"), (7, "EUR", "0.07"), (1200, "JPY", "1200"),
     (10**11, "GBP", "1000000000.00"), (1234, "KWD", "1.234")],
)  # fmt: skip
def test_amounts_are_plain_decimals(minor, currency, told):
    assert amount(minor, currency) == told


def test_cells_are_quoted():
    assert text([["a,b", 'say "hi"', "two\nlines", ""]]) == '"a,b","say ""hi""","two\nlines",\n'
