"""Pure rules of the letters that the law of a country asks for: their order, clocks and ways."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import yaml

from crm.unclaimed.rules import DATA

WAYS = ("post", "recorded_post", "email", "hand")
SALE = "sale"


@dataclass(frozen=True)
class Sale:
    """How long after its notice a device may be sold. months_owing: where anything may be owed."""

    months_owing: int
    days_settled: int
    post_days: int

    def earliest(self, sent_on: date, *, is_settled: bool) -> date:
        arrived = sent_on + timedelta(days=self.post_days)
        if is_settled:
            return arrived + timedelta(days=self.days_settled)
        return months_later(arrived, self.months_owing)


@dataclass(frozen=True)
class LetterKind:
    """after: the step before it, `storage` or another letter. wait_days: since that was done."""

    name: str
    after: str
    wait_days: int
    ways: tuple[str, ...]
    title: str
    text: tuple[str, ...]
    sale: Sale | None = None


@dataclass(frozen=True)
class Law:
    """kinds: in their order. words: what every letter says around its text."""

    kinds: tuple[LetterKind, ...]
    words: dict[str, str]


@cache
def law(country: str) -> Law | None:
    """country: ISO 3166. None where the product knows no letters."""
    path = {one.stem: one for one in DATA.glob("??.yaml")}.get(country.lower())
    if path is None:
        return None
    data = yaml.safe_load(path.read_text())
    return Law(tuple(_kind(one) for one in data.pop("letters")), data)


def _kind(data: dict[str, Any]) -> LetterKind:
    sale = Sale(**data["sale"]) if "sale" in data else None
    lists = {"ways": tuple(data["ways"]), "text": tuple(data["text"])}
    return LetterKind(**data | lists | {"sale": sale})


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    last = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))
