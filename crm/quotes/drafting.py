"""From what staff write to the content of a quote: prices with their tax, or an estimate's lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crm.catalog.models import Estimate
from crm.core.errors import Conflict, Invalid
from crm.core.money import Line
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.invoices import company, content, taxes
from crm.quotes.rules import Item, Option, wrong


@dataclass(frozen=True)
class Priced:
    """One line as it is written. unit_minor: as the shop types prices (see `taxes.gross`).

    tax: a code, None takes the usual one.
    """

    label: str
    unit_minor: int
    quantity: int = 1
    tax: str | None = None
    kind: str = "work"
    slug: str = ""
    is_optional: bool = False


def option(
    uow: UnitOfWork, shop: Shop, lines: Sequence[Priced], *, name: str = "", note: str = ""
) -> Option:
    """Raises Invalid."""
    if not lines:
        raise wrong("lines", "Give at least one line.")
    made = [_line(one) for one in lines]
    charged = content.charged(made, company.seller(uow, shop).vat)
    items = tuple(Item(line, one.is_optional) for line, one in zip(charged, lines, strict=True))
    return Option(name=name, note=note, items=items)


def of_estimate(uow: UnitOfWork, shop: Shop, estimate: Estimate) -> Option:
    """The lines of an estimate whose price still holds. Raises Conflict (`estimate-expired`)."""
    if estimate.expires_at <= uow.now:
        raise Conflict("the price of this estimate no longer holds", code="estimate-expired")
    lines = [
        Priced(
            label=line["label"],
            unit_minor=line["amount_minor"],
            slug=line["rule"] if line["kind"] == "repair" else "",
            kind="work" if line["amount_minor"] >= 0 else "discount",
        )
        for line in estimate.result["lines"]
        if line["kind"] != "tax" and line["amount_minor"]
    ]
    return option(uow, shop, [replace(one, label=one.label[:200]) for one in lines])


def _line(one: Priced) -> Line:
    code = one.tax or taxes.default()
    try:
        return Line(
            label=one.label,
            unit_minor=taxes.gross(one.unit_minor, code),
            tax=code,
            tax_bp=taxes.rate(code),
            quantity=one.quantity,
            kind=one.kind,
            slug=one.slug,
        )
    except Invalid as error:
        raise Invalid(error.detail, errors={"lines": error.errors.get("tax", [])}) from error
