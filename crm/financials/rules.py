"""Pure rules of earnings: what a line's tax is, what time costs, what share a margin is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import yaml

from crm.core.money import Line, tax_within
from crm.repairs.statuses import RepairStatus

DATA = Path(__file__).parent / "data" / "rules.yaml"


@dataclass(frozen=True)
class HourlyCost:
    """minor: of an hour, in the smallest unit of the currency."""

    currency: str
    minor: int


@dataclass(frozen=True)
class Rules:
    """See `data/rules.yaml`. hourly_cost: None while time is not costed."""

    hourly_cost: HourlyCost | None
    stages: tuple[str, ...]
    most_hours: int


@cache
def rules() -> Rules:
    told = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    cost = told["hourly_cost"]
    return Rules(
        hourly_cost=HourlyCost(**cost) if cost else None,
        stages=tuple(RepairStatus(one).value for one in told["stages"]),
        most_hours=told["most_hours"],
    )


def taxes(lines: Sequence[Line], tax_minor: int) -> list[int]:
    """A document's tax, line by line, to the last unit.

    A document rounds once per rate, so its lines can't be rounded each by itself: each takes what
    the running total of its rate gains. tax_minor: of the whole document; what is left of it (a
    credit note rounds against its invoice) goes to the largest taxed line.
    """
    running: dict[tuple[str, int], int] = {}
    found = []
    for line in lines:
        rate = (line.tax, line.tax_bp)
        before = running.get(rate, 0)
        running[rate] = before + line.gross_minor
        found.append(tax_within(running[rate], line.tax_bp) - tax_within(before, line.tax_bp))
    left = tax_minor - sum(found)
    if left and found:
        largest = max(
            range(len(lines)), key=lambda n: (lines[n].tax_bp > 0, abs(lines[n].gross_minor))
        )
        found[largest] += left
    return found


def time_cost(cost: HourlyCost, seconds: float | Decimal) -> int:
    """In the smallest unit, rounded half away from zero."""
    return int((Decimal(cost.minor) * Decimal(seconds) / 3600).quantize(1, ROUND_HALF_UP))


def percent(part_minor: int, whole_minor: int) -> float | None:
    """To one decimal place; None of nothing, and of less than nothing."""
    return round(100 * part_minor / whole_minor, 1) if whole_minor > 0 else None
