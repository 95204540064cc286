"""How long a warranty lasts, and that the shipped terms fit the catalogue."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from crm.catalog.kinds import KINDS
from crm.catalog.service import shipped
from crm.warranties import rules


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        (date(2026, 11, 21), 3, date(2027, 2, 21)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 12, 1), 0, None),
    ],
)
def test_months_end_on_the_same_day_or_the_months_last(start, months, last):
    assert rules.until(start, months) == last


def test_the_last_day_is_covered_and_the_next_is_not():
    last = date(2027, 2, 28)
    assert rules.is_covered((last, None), last)
    assert not rules.is_covered((last, None), date(2027, 3, 1))
    assert not rules.is_covered((None, None), last)


def test_the_terms_name_repair_types_of_the_catalogue():
    known = {row.values["slug"] for row in shipped(KINDS["repair-types"])}
    named = set(yaml.safe_load(rules.DATA.read_text())["types"])
    assert named <= known, named - known
