"""Sums of money add up to the last unit, whatever the rates and amounts."""

from __future__ import annotations

import random

import pytest

from crm.core import money
from crm.core.money import Line


@pytest.mark.parametrize(
    ("gross", "bp", "tax"),
    [(12000, 2000, 2000), (100, 2000, 17), (1, 2000, 0), (3, 2000, 1), (-12000, 2000, -2000),
     (999, 0, 0), (10500, 500, 500)],
)  # fmt: skip
def test_tax_within_a_gross_amount(gross, bp, tax):
    assert money.tax_within(gross, bp) == tax


def test_with_tax_and_back_is_at_most_one_unit_apart():
    for net in range(0, 5000, 7):
        gross = money.with_tax(net, 2000)
        assert abs(gross - money.tax_within(gross, 2000) - net) <= 1


@pytest.mark.parametrize("seed", range(50))
def test_totals_add_up(seed):
    draw = random.Random(seed)
    lines = [
        Line("x", draw.randint(-5_000, 90_000), *draw.choice([("standard", 2000), ("zero", 0),
             ("reduced", 500)]), quantity=draw.randint(1, 5))
        for _ in range(draw.randint(0, 12))
    ]  # fmt: skip
    sums = money.totals(lines)
    assert sums.gross_minor == sum(line.gross_minor for line in lines)
    assert sums.net_minor + sums.tax_minor == sums.gross_minor
    assert all(one.net_minor + one.tax_minor == one.gross_minor for one in sums.by_rate)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "words"),
    [(123450, "GBP", "en", "£1,234.50"), (5, "GBP", "en", "£0.05"), (1500, "JPY", "en", "¥1,500")],
)
def test_money_in_words(minor, currency, locale, words):
    assert money.in_words(minor, currency, locale) == words
