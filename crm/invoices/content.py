"""What a document says, as it is frozen: one mapping of plain values, and its digest.

Keys: number, kind, form (`full` or `simplified`), vat (see `company.py`), country, locale,
currency, issued_on, supplied_on, due_on (ISO days or null), seller (the company's facts), buyer
(name, address, vat_number; or null), repair (ref, device; or null), lines (as `money.Line`), totals
(as `money.Totals`), notes (sentences), and by kind: corrects (number, issued_on, lines: their
positions in that invoice, reason) or payment (ref, method, on).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from crm.core.errors import Conflict, Invalid
from crm.core.money import MOST_MINOR, Line, Taxed, Totals, line_of, tax_within, totals
from crm.invoices import wording
from crm.invoices.company import UNREGISTERED, Seller

FULL, SIMPLIFIED = "full", "simplified"
MOST_LINES = 500
_EXPLAINED = ("margin", "exempt")


@dataclass(frozen=True)
class Buyer:
    """address: lines."""

    name: str
    address: tuple[str, ...] = ()
    vat_number: str | None = None


@dataclass(frozen=True)
class Credited:
    """line: its position in the invoice, from 0. amount_minor: gross, of the line's own sign."""

    line: int
    amount_minor: int


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content in one spelling."""
    plain = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def charged(lines: Sequence[Line], vat: str) -> tuple[Line, ...]:
    """The lines as this company may charge them: who is not registered charges no tax.

    Raises Invalid (`lines`, `total_minor`).
    """
    if not 0 < len(lines) <= MOST_LINES:
        raise Invalid("lines", errors={"lines": [f"From 1 to {MOST_LINES}."]})
    if vat == UNREGISTERED:
        lines = [replace(line, tax="exempt", tax_bp=0) for line in lines]
    if not 0 <= sum(line.gross_minor for line in lines) <= MOST_MINOR:
        told = [f"The lines come to less than 0 or to more than {MOST_MINOR}."]
        raise Invalid("no such total", errors={"total_minor": told})
    return tuple(lines)


def form(seller: Seller, currency: str, gross_minor: int, *, is_asked: bool) -> str:
    """is_asked: the buyer wants a document made out to them."""
    is_simple = wording.may_be_simple(seller.facts.country, currency, gross_minor)
    return SIMPLIFIED if is_simple and not is_asked else FULL


def notes(country: str, vat: str, spoken: str, lines: Iterable[Line], own: str) -> list[str]:
    """The sentences the law wants, then the shop's own."""
    kinds = ["unregistered"] if vat == UNREGISTERED else []
    if not kinds:
        used = {line.tax for line in lines}
        kinds = [code for code in _EXPLAINED if code in used]
    found = [wording.note(country, spoken, kind) for kind in kinds]
    return [*found, own] if own.strip() else found


def credited_lines(
    invoice: Mapping[str, Any], before: Mapping[int, int], wanted: Sequence[Credited]
) -> tuple[Line, ...]:
    """The lines of a credit note. before: line -> credited so far.

    Never more than a line holds, than the whole came to, or than is left at a rate, where a discount
    took some.
    Raises Invalid (`lines`), Conflict (`over-credited`).
    """
    lines = [line_of(told) for told in invoice["lines"]]
    chosen = [one.line for one in wanted]
    if not wanted or len(set(chosen)) < len(chosen):
        raise Invalid("lines", errors={"lines": ["Name each line once, and at least one."]})
    made = []
    for one in wanted:
        if not 0 <= one.line < len(lines):
            raise Invalid("no such line", errors={"lines": [f"There is no line {one.line}."]})
        line = lines[one.line]
        left = line.gross_minor - before.get(one.line, 0)
        if one.amount_minor * left < 0 or one.amount_minor == 0:
            told = [f"Line {one.line}: an amount from 1, or from -1 for a discount."]
            raise Invalid("no such amount", errors={"lines": told})
        if abs(one.amount_minor) > abs(left):
            raise Conflict(f"{left} is left of line {one.line}", code="over-credited")
        made.append(replace(line, unit_minor=one.amount_minor, quantity=1))
    if sum(line.gross_minor for line in made) <= 0:
        raise Invalid("nothing to give back", errors={"lines": ["They come to 0 or less."]})
    _check_sums(lines, before, chosen, made)
    return tuple(made)


def credited_totals(
    invoice: Mapping[str, Any], before: Mapping[int, int], made: Sequence[Line]
) -> Totals:
    """The sums of a credit note: tax is what its rate's running total gains.

    So credit notes that give back a whole invoice give back exactly its tax.
    """
    lines = [line_of(told) for told in invoice["lines"]]
    gone = _by_rate(lines, before)
    parts = []
    for one in totals(made).by_rate:
        past = gone.get((one.tax, one.tax_bp), 0)
        tax = tax_within(past + one.gross_minor, one.tax_bp) - tax_within(past, one.tax_bp)
        parts.append(Taxed(one.tax, one.tax_bp, one.gross_minor - tax, tax, one.gross_minor))
    return Totals(
        sum(one.net_minor for one in parts),
        sum(one.tax_minor for one in parts),
        sum(one.gross_minor for one in parts),
        tuple(parts),
    )


def _check_sums(
    lines: Sequence[Line], before: Mapping[int, int], chosen: Sequence[int], made: Sequence[Line]
) -> None:
    gone = dict(before)
    for position, line in zip(chosen, made, strict=True):
        gone[position] = gone.get(position, 0) + line.gross_minor
    if sum(gone.values()) > sum(line.gross_minor for line in lines):
        raise Conflict("more than the invoice came to", code="over-credited")
    after = _by_rate(lines, gone)
    for one in totals(lines).by_rate:
        given = after.get((one.tax, one.tax_bp), 0)
        if not min(0, one.gross_minor) <= given <= max(0, one.gross_minor):
            raise Conflict(
                f"only {one.gross_minor} was charged at the rate of these lines",
                code="over-credited",
            )


def _by_rate(lines: Sequence[Line], amounts: Mapping[int, int]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for position, amount in amounts.items():
        rate = (lines[position].tax, lines[position].tax_bp)
        found[rate] = found.get(rate, 0) + amount
    return found


def plain(value: Any) -> Any:
    """A dataclass as JSON keeps it."""
    return json.loads(json.dumps(asdict(value)))
