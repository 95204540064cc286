"""Pure: what a repair is estimated to cost, each line with the rule behind it.

Rounding: every line and the tax are rounded half up to the smallest unit of the currency as they
arise, and the total is the sum of the lines. The ends of the range are rounded the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ROUNDING = "each line half up to the smallest unit of the currency; the total is their sum"
CONDITIONS = ("good", "fair", "poor")
MOST_PERCENT = 1000


@dataclass(frozen=True)
class Factor:
    """percent: 120 makes the price 1.2 times. Holds when every condition that is set holds."""

    rule: str
    label: str
    percent: int
    age_over_years: int | None = None
    condition: str | None = None
    is_urgent: bool | None = None

    def holds(self, age_years: int, condition: str | None, is_urgent: bool) -> bool:
        return (
            (self.age_over_years is None or age_years > self.age_over_years)
            and (self.condition is None or self.condition == condition)
            and (self.is_urgent is None or self.is_urgent == is_urgent)
        )


@dataclass(frozen=True)
class Rules:
    """tax_is_included: prices are what the customer pays. held_days: how long a price is kept."""

    factors: tuple[Factor, ...]
    tax_name: str
    tax_percent: int
    tax_is_included: bool
    low_percent: int
    high_percent: int
    least_own_repairs: int
    held_days: int


@dataclass(frozen=True)
class Work:
    """One repair. rule: whether the price is the model's or its category's."""

    slug: str
    label: str
    price_minor: int
    rule: str


@dataclass(frozen=True)
class Asked:
    """youngest_years, oldest_years: age at least and at most; unknown models differ."""

    works: tuple[Work, ...]
    youngest_years: int
    oldest_years: int
    condition: str | None = None
    is_urgent: bool = False


@dataclass(frozen=True)
class Line:
    """kind: `repair`, `factor` or `tax`. rule: what made it. percent: of factors and tax."""

    kind: str
    rule: str
    label: str
    amount_minor: int
    percent: int | None = None


@dataclass(frozen=True)
class Result:
    """tax_minor: within the total. basis: `own-repairs` or `rule`, where the range comes from."""

    lines: tuple[Line, ...]
    total_minor: int
    tax_minor: int
    low_minor: int
    high_minor: int
    basis: str
    samples: int


def scaled(amount_minor: int, percent: int) -> int:
    """Half up, without a float in between."""
    return (amount_minor * percent + 50) // 100


def estimate(rules: Rules, asked: Asked, own: Sequence[int] = ()) -> Result:
    """own: what finished repairs cost, in per cent of what was first estimated for them."""
    lines, total = _lines(rules, asked, asked.youngest_years)
    # While the model is unknown the device may be as old as its category.
    _, most = _lines(rules, asked, asked.oldest_years)
    low_percent, high_percent, basis = spread(rules, own)
    return Result(
        lines=lines,
        total_minor=total,
        tax_minor=_tax(rules, lines, total),
        low_minor=scaled(min(total, most), low_percent),
        high_minor=scaled(max(total, most), high_percent),
        basis=basis,
        samples=len(own),
    )


def spread(rules: Rules, own: Sequence[int]) -> tuple[int, int, str]:
    """(low, high, basis) in per cent of the total: the middle 80 % of the shop's own finished
    repairs once there are `least_own_repairs`, never leaving the total itself outside."""
    if len(own) < rules.least_own_repairs:
        return rules.low_percent, rules.high_percent, "rule"
    ordered = sorted(own)
    last = len(ordered) - 1
    low, high = ordered[last // 10], ordered[last - last // 10]
    return max(0, min(100, low)), max(100, min(MOST_PERCENT, high)), "own-repairs"


def _lines(rules: Rules, asked: Asked, age_years: int) -> tuple[tuple[Line, ...], int]:
    lines = [Line("repair", one.rule, one.label, one.price_minor) for one in asked.works]
    total = sum(line.amount_minor for line in lines)
    for factor in rules.factors:
        if factor.holds(age_years, asked.condition, asked.is_urgent):
            after = scaled(total, factor.percent)
            lines.append(Line("factor", factor.rule, factor.label, after - total, factor.percent))
            total = after
    if not rules.tax_is_included:
        tax = scaled(total, rules.tax_percent)
        lines.append(Line("tax", "tax", rules.tax_name, tax, rules.tax_percent))
        total += tax
    return tuple(lines), total


def _tax(rules: Rules, lines: Sequence[Line], total: int) -> int:
    if not rules.tax_is_included:
        return lines[-1].amount_minor
    whole = 100 + rules.tax_percent
    return (2 * total * rules.tax_percent + whole) // (2 * whole)
