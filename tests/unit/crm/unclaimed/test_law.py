"""Clocks of the letters: months of the calendar, time on the way, and what each country's data says."""

from datetime import date

import pytest

from crm.unclaimed.law import WAYS, Sale, law, months_later

GB = law("GB")


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 1, 31), 3, date(2026, 4, 30)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
    ],
)
def test_months_of_the_calendar(day, months, then):
    assert months_later(day, months) == then


def test_a_debt_makes_the_notice_longer():
    sale = Sale(months_owing=3, days_settled=28, post_days=7)
    assert sale.earliest(date(2026, 5, 1), is_settled=False) == date(2026, 8, 8)
    assert sale.earliest(date(2026, 5, 1), is_settled=True) == date(2026, 6, 5)


def test_what_the_act_asks_for_stands_in_the_data():
    collect, sell = GB.kinds
    assert "email" not in (*collect.ways, *sell.ways) and sell.ways == ("recorded_post",)
    assert sell.sale.months_owing == 3 and collect.sale is None
    assert {way for kind in GB.kinds for way in kind.ways} <= set(WAYS)
    assert GB.words["source"].startswith("Torts")


def test_other_countries_have_none():
    assert law("PT") is None and law("../gb") is None
