"""What a quote may hold, what its parts add up to, and when it needs the customer once more. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from crm.core import money
from crm.core.errors import Invalid
from crm.core.money import MOST_MINOR, Line, Totals

MOST_OPTIONS, MOST_LINES, MOST_QUANTITY = 3, 50, 99
LONGEST_LABEL, LONGEST_NOTE = 200, 2000
GOOD_FOR = timedelta(days=14)
NUDGES = (timedelta(hours=24), timedelta(hours=72))
# What the work may cost more than approved before it needs a new approval.
OVERRUN_BP = 1000


class QuoteState(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    APPROVED = "approved"
    DECLINED = "declined"
    REPLACED = "replaced"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Item:
    """One line of an option. is_optional: the customer may leave it out."""

    line: Line
    is_optional: bool = False


@dataclass(frozen=True)
class Option:
    name: str
    items: tuple[Item, ...]
    note: str = ""

    def chosen(self, optional: Collection[int]) -> tuple[Line, ...]:
        """Its lines with those optional ones. optional: places in `items`."""
        return tuple(
            item.line
            for place, item in enumerate(self.items)
            if not item.is_optional or place in optional
        )

    def everything(self) -> frozenset[int]:
        return frozenset(place for place, item in enumerate(self.items) if item.is_optional)

    def lowest_minor(self) -> int:
        return sum(line.gross_minor for line in self.chosen(()))


@dataclass(frozen=True)
class Content:
    """What a version says. deposit_minor: asked when it is approved. overrun_bp: see OVERRUN_BP."""

    options: tuple[Option, ...]
    title: str = ""
    note: str = ""
    deposit_minor: int = 0
    overrun_bp: int = OVERRUN_BP

    def lowest_minor(self) -> int:
        return min(option.lowest_minor() for option in self.options)

    def highest_minor(self) -> int:
        return max(
            sum(line.gross_minor for line in option.chosen(option.everything()))
            for option in self.options
        )


def check(content: Content) -> None:
    """Raises Invalid with the field that does not fit."""
    if not 1 <= len(content.options) <= MOST_OPTIONS:
        raise wrong("options", f"Give 1 to {MOST_OPTIONS} options.")
    for number, option in enumerate(content.options):
        where = f"options.{number}"
        if not 1 <= len(option.items) <= MOST_LINES:
            raise wrong(where, f"Give 1 to {MOST_LINES} lines.")
        for item in option.items:
            _check_line(where, item)
        if option.lowest_minor() <= 0:
            raise wrong(where, "It must cost something, also without its optional lines.")
    if content.highest_minor() > MOST_MINOR:
        raise wrong("options", "That is more than a quote may come to.")
    if not 0 <= content.deposit_minor <= content.lowest_minor():
        raise wrong("deposit_minor", "From nothing to the price of the cheapest option.")


def _check_line(where: str, item: Item) -> None:
    line = item.line
    if not 1 <= line.quantity <= MOST_QUANTITY:
        raise wrong(where, f"A quantity is 1 to {MOST_QUANTITY}.")
    if abs(line.unit_minor) > MOST_MINOR:
        raise wrong(where, "That is more than a line may cost.")
    if (line.unit_minor < 0) != (line.kind == "discount"):
        raise wrong(where, "A discount is below nothing, every other line is not.")
    if item.is_optional and line.kind == "discount":
        raise wrong(where, "A discount cannot be left out.")


def wrong(where: str, told: str) -> Invalid:
    return Invalid(told, errors={where: [told]})


def totals(lines: Sequence[Line]) -> Totals:
    return money.totals(lines)


def digest(content: Content, currency: str) -> str:
    """The hash an approval names: of everything the customer sees."""
    told = json.dumps([currency, asdict(content)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()


def stored(content: Content) -> dict[str, Any]:
    return asdict(content)


def read(told: Mapping[str, Any]) -> Content:
    """As `stored` wrote it."""
    options = tuple(
        Option(
            name=option["name"],
            note=option["note"],
            items=tuple(
                Item(money.line_of(item["line"]), item["is_optional"]) for item in option["items"]
            ),
        )
        for option in told["options"]
    )
    return Content(**{**told, "options": options})


def needs_new_approval(approved_minor: int, now_minor: int, overrun_bp: int) -> bool:
    """Whether the work has come to cost more than the customer agreed to."""
    return now_minor > approved_minor + money.part_of(approved_minor, overrun_bp)


def nudge_due(waited: timedelta, nudged: int) -> int | None:
    """The number of the reminder that is due, from 1. One that was missed is not made up for."""
    due = sum(waited >= after for after in NUDGES)
    return due if due > nudged else None
