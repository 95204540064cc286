"""Money: integers in the smallest unit of a currency, lines with their tax, sums that add up.

Amounts are gross: what the customer pays. Tax is worked out of the gross of each rate, so that net
and tax of a document always add up to its total. Percentages are basis points: 2000 is 20 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

# Far above any repair, far below what a bigint holds after sums.
MOST_MINOR = 100_000_000_00
BASIS_POINTS = 10_000


@dataclass(frozen=True)
class Line:
    """One line of a quote or an invoice.

    slug: a repair type of the catalogue, or "" for a line written by hand. kind: `work part other
    discount`; only a discount is negative. unit_minor: gross, of one. tax: a code of the shop's tax
    table; tax_bp: its rate when the line was made.
    """

    label: str
    unit_minor: int
    tax: str
    tax_bp: int
    quantity: int = 1
    kind: str = "work"
    slug: str = ""

    @property
    def gross_minor(self) -> int:
        return self.quantity * self.unit_minor


@dataclass(frozen=True)
class Taxed:
    """What a document holds at one rate; net and tax add up to gross."""

    tax: str
    tax_bp: int
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True)
class Totals:
    """by_rate: highest rate first."""

    net_minor: int
    tax_minor: int
    gross_minor: int
    by_rate: tuple[Taxed, ...]


def totals(lines: Iterable[Line]) -> Totals:
    """Sums by rate and over all; exact, because tax is rounded once per rate."""
    gross: dict[tuple[str, int], int] = {}
    for line in lines:
        key = (line.tax, line.tax_bp)
        gross[key] = gross.get(key, 0) + line.gross_minor
    by_rate = tuple(
        taxed(code, bp, amount)
        for (code, bp), amount in sorted(gross.items(), key=lambda one: (-one[0][1], one[0][0]))
    )
    return Totals(
        net_minor=sum(one.net_minor for one in by_rate),
        tax_minor=sum(one.tax_minor for one in by_rate),
        gross_minor=sum(one.gross_minor for one in by_rate),
        by_rate=by_rate,
    )


def taxed(code: str, basis_points: int, gross_minor: int) -> Taxed:
    tax = tax_within(gross_minor, basis_points)
    return Taxed(code, basis_points, gross_minor - tax, tax, gross_minor)


def tax_within(gross_minor: int, basis_points: int) -> int:
    """The tax a gross amount contains, rounded half away from zero."""
    return _rounded(gross_minor * basis_points, BASIS_POINTS + basis_points)


def with_tax(net_minor: int, basis_points: int) -> int:
    """The gross of a net amount, rounded half away from zero."""
    return net_minor + _rounded(net_minor * basis_points, BASIS_POINTS)


def part_of(amount_minor: int, basis_points: int) -> int:
    """That share of an amount, rounded half away from zero."""
    return _rounded(amount_minor * basis_points, BASIS_POINTS)


def in_words(minor: int, currency: str, locale: str) -> str:
    """`£1,234.50`, as it is written in that language."""
    return format_currency(Decimal(minor).scaleb(-digits(currency)), currency, locale=locale)


def digits(currency: str) -> int:
    """Decimal places of a currency: 2 for GBP, 0 for JPY."""
    return get_currency_precision(currency)


def _rounded(dividend: int, divisor: int) -> int:
    sign = -1 if dividend < 0 else 1
    return sign * ((2 * abs(dividend) + divisor) // (2 * divisor))


def line_of(told: Mapping[str, object]) -> Line:
    """A line as `dataclasses.asdict` wrote it."""
    return Line(**told)  # type: ignore[arg-type]
