"""Amounts as agents type them."""

from __future__ import annotations

import pytest

from chatwoot.amounts import read_amount


@pytest.mark.parametrize(
    ("text", "minor", "rest"),
    [("120", 12_000, ""), ("120.50 screen", 12_050, "screen"), ("120,5", 12_050, ""),
     ("£120 new screen", 12_000, "new screen"), ("£ 1,200", 120_000, ""), ("1.200,50", 120_050, ""),
     ("gbp 85", 8_500, ""), ("85 GBP x", 8_500, "x"), ("85£", 8_500, ""), ("0.01", 1, ""),
     ("120 3 screws", 12_000, "3 screws"), ("120 LCD screen", 12_000, "LCD screen")],
)  # fmt: skip
def test_read(text, minor, rest):
    assert read_amount(text, "GBP") == (minor, rest)


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.00", "-5", "120-150", "€120", "120 EUR", "1,2,3", "1.20.5", "12.345,678", "12.3456",
     "screen 120", "1e5", "٣٤", "²", "9" * 5000, "1.2.", "120/2"],
)  # fmt: skip
def test_refused(text):
    assert read_amount(text, "GBP")[0] is None


def test_a_currency_without_decimals():
    assert read_amount("1200", "JPY") == (1200, "")
    assert read_amount("12.5", "JPY")[0] is None
