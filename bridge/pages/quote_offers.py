"""The options of a quote as its page shows them: lines, sums, and the sentence to agree to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flask_babel import format_decimal
from flask_babel import gettext as _

from bridge.pages.answers import money
from crm.core.money import Line, line_of
from crm.quotes import rules
from crm.quotes.models import Quote, QuoteDecision
from crm.quotes.rules import Content


@dataclass(frozen=True)
class Row:
    """place: of the line in its option, what a form calls it by."""

    place: int
    label: str
    quantity: int
    amount: str
    is_optional: bool = False
    is_ticked: bool = False


@dataclass(frozen=True)
class Sums:
    """taxes: percent and amount of each rate that is not nothing."""

    total: str
    taxes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Offer:
    """An option as it is shown. shown: the ticked places its total is for. words: to agree to."""

    name: str
    note: str
    rows: tuple[Row, ...]
    sums: Sums
    shown: str
    words: str

    @property
    def has_optional(self) -> bool:
        return any(row.is_optional for row in self.rows)


def offer(quote: Quote, content: Content, number: int, ticked: Collection[int] = ()) -> Offer:
    """ticked: places of optional lines. A page begins without any: nobody is to pay for what they
    did not choose."""
    option = content.options[number]
    wanted = option.everything() & frozenset(ticked)
    sums = _sums(option.chosen(wanted), quote.currency)
    name = option.name
    if not name and len(content.options) > 1:
        name = _("Option %(number)s", number=number + 1)
    if name:
        words = _("I approve “%(name)s” of quote %(ref)s for %(total)s.",
                  name=name, ref=quote.ref, total=sums.total)  # fmt: skip
    else:
        words = _("I approve quote %(ref)s for %(total)s.", ref=quote.ref, total=sums.total)
    rows = tuple(
        _row(place, item.line, quote.currency, item.is_optional, place in wanted)
        for place, item in enumerate(option.items)
    )
    return Offer(name, option.note, rows, sums, places(wanted), words)


def approved(quote: Quote, content: Content, decision: QuoteDecision) -> Offer | None:
    """What was agreed to, as it was written down then; None when it was declined."""
    if decision.option is None:
        return None
    lines = [line_of(one) for one in decision.lines]
    option = content.options[decision.option]
    rows = tuple(_row(place, line, quote.currency) for place, line in enumerate(lines))
    return Offer(option.name, option.note, rows, _sums(lines, quote.currency), "", decision.words)


def places(ticked: Collection[int]) -> str:
    """As a form says which ticks its total is for."""
    return " ".join(map(str, sorted(ticked)))


def _row(
    place: int, line: Line, currency: str, is_optional: bool = False, is_ticked: bool = False
) -> Row:
    amount = money(line.gross_minor, currency)
    return Row(place, line.label, line.quantity, amount, is_optional, is_ticked)


def _sums(lines: Sequence[Line], currency: str) -> Sums:
    totals = rules.totals(lines)
    taxes = tuple(
        (format_decimal(one.tax_bp / 100), money(one.tax_minor, currency))
        for one in totals.by_rate
        if one.tax_bp
    )
    return Sums(money(totals.gross_minor, currency), taxes)
