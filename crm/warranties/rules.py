"""Pure rules of warranty: how long it lasts, and what is covered on a day. The terms are data."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data" / "terms.yaml"
ANY_WORK = "repair"


@dataclass(frozen=True)
class Terms:
    """Months of warranty; 0 is none."""

    work: int
    part: int


@cache
def _data() -> tuple[Terms, dict[str, Terms]]:
    told = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return Terms(**told["default"]), {name: Terms(**one) for name, one in told["types"].items()}


def terms(repair_type: str) -> Terms:
    default, by_type = _data()
    return by_type.get(repair_type, default)


def until(start: date, months: int) -> date | None:
    """The last day of a warranty: the same day of a later month, or that month's last. None: none."""
    if not months:
        return None
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def is_covered(last_days: tuple[date | None, ...], on: date) -> bool:
    return any(last is not None and on <= last for last in last_days)
