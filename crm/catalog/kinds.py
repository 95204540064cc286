"""The three sheets of the catalogue: their columns, and what a cell of each must look like.

The shipped files in `data/` and the shop's own CSV files are the same sheets. Prices are written as
in the shop window (`299.99`), lists with semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm.catalog.models import DIFFICULTIES, Category, DeviceModel, RepairType, Sourced
from crm.catalog.sheets import CellFault, Column

MOST_PRICE_MINOR = 10_000_000
FIRST_YEAR, LAST_YEAR = 1975, 2100
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NOT_IN_HUNDREDTHS = frozenset(
    [
        "BHD",
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "IQD",
        "ISK",
        "JOD",
        "JPY",
        "KMF",
        "KRW",
        "KWD",
        "LYD",
        "OMR",
        "PYG",
        "RWF",
        "TND",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff]")


def text(at_most: int) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if not 0 < len(cell) <= at_most:
            raise CellFault(f"give 1 to {at_most} characters")
        if _UNSTORABLE.search(cell):
            raise CellFault("contains characters that cannot be stored")
        return cell

    return parse


def slug(cell: str) -> str:
    if not SLUG.fullmatch(cell) or len(cell) > 100:
        raise CellFault("give lower case letters and digits, with single dashes between")
    return cell


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(cell: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", cell) or not low <= int(cell) <= high:
            raise CellFault(f"give a whole number from {low} to {high}")
        return int(cell)

    return parse


def price(cell: str) -> int:
    """`299.99` -> 29999."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", cell):
        raise CellFault("give a price such as 299.99")
    minor = int(Decimal(cell) * 100)
    if minor > MOST_PRICE_MINOR:
        raise CellFault(f"give at most {price_cell(MOST_PRICE_MINOR)}")
    return minor


def price_cell(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def currency(cell: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", cell):
        raise CellFault("give an ISO 4217 code such as GBP")
    if cell in _NOT_IN_HUNDREDTHS:
        raise CellFault("prices are written in hundredths, which this currency does not have")
    return cell


def hours(cell: str) -> int:
    """`1.5` -> 90 minutes."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", cell) or not 0 < Decimal(cell) <= 200:
        raise CellFault("give hours such as 1.5, at most 200")
    return max(1, round(Decimal(cell) * 60))


def hours_cell(minutes: int) -> str:
    return f"{Decimal(minutes) / 60:.2f}".rstrip("0").rstrip(".")


def one_of(*words: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if cell not in words:
            raise CellFault(f"give one of: {', '.join(words)}")
        return cell

    return parse


def yes(cell: str) -> bool:
    return one_of("yes", "")(cell) == "yes"


def yes_cell(value: Any) -> str:
    return "yes" if value else ""


def many(at_most: int, each: int) -> Callable[[str], list[str]]:
    def parse(cell: str) -> list[str]:
        parts = [part.strip() for part in cell.split(";") if part.strip()]
        if len(parts) > at_most:
            raise CellFault(f"give at most {at_most}, separated by semicolons")
        return [text(each)(part) for part in parts]

    return parse


def many_cell(values: list[str]) -> str:
    return "; ".join(values)


def prices(cell: str) -> dict[str, int]:
    """`screen=329.00; battery=99.00`."""
    found: dict[str, int] = {}
    for part in many(40, 120)(cell):
        name, equals, amount = part.partition("=")
        if not equals:
            raise CellFault("give prices such as screen=329.00; battery=99.00")
        found[slug(name.strip())] = price(amount.strip())
    return found


def prices_cell(values: dict[str, int]) -> str:
    return "; ".join(f"{name}={price_cell(minor)}" for name, minor in sorted(values.items()))


@dataclass(frozen=True)
class Kind:
    """key: attributes that name a row. The column `retired` takes a row out of the offer."""

    name: str
    table: type[Sourced]
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def key_of(self, row: Any) -> tuple:
        return tuple(row[one] if isinstance(row, dict) else getattr(row, one) for one in self.key)


_RETIRED = Column("retired", "is_retired", yes, yes_cell)
_YEAR = whole(FIRST_YEAR, LAST_YEAR)
_DIFFICULTY = Column("difficulty", "difficulty", one_of(*DIFFICULTIES))
_ISSUES = Column("common_issues", "common_issues", many(20, 120), many_cell)

CATEGORIES = Kind(
    "categories",
    Category,
    ("slug",),
    (
        Column("slug", "slug", slug),
        Column("name", "name", text(80)),
        Column("family", "family", text(40)),
        Column("icon", "icon", slug),
        Column("year_from", "year_from", _YEAR),
        Column("year_to", "year_to", _YEAR),
        Column("is_general", "is_general", yes, yes_cell),
        Column("position", "position", whole(0, 10_000)),
        _ISSUES,
        _RETIRED,
    ),
)
MODELS = Kind(
    "models",
    DeviceModel,
    ("slug",),
    (
        Column("slug", "slug", slug),
        Column("category", "category", slug),
        Column("brand", "brand", text(60)),
        Column("name", "name", text(120)),
        Column("year", "year", _YEAR),
        Column("model_numbers", "model_numbers", many(40, 40), many_cell),
        _DIFFICULTY,
        _ISSUES,
        Column("prices", "prices", prices, prices_cell),
        _RETIRED,
    ),
)
REPAIR_TYPES = Kind(
    "repair-types",
    RepairType,
    ("category", "slug"),
    (
        Column("category", "category", slug),
        Column("slug", "slug", slug),
        Column("name", "name", text(80)),
        Column("price", "price_minor", price, price_cell),
        Column("currency", "currency", currency),
        Column("hours", "minutes", hours, hours_cell),
        _DIFFICULTY,
        Column("parts", "parts", many(20, 80), many_cell),
        _RETIRED,
    ),
)
# Categories first: the others name them.
KINDS = {kind.name: kind for kind in (CATEGORIES, MODELS, REPAIR_TYPES)}
