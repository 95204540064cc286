"""What documents hold at each rate of tax, as they were issued; a credit note takes away."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import BigInteger, Integer, case, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from crm.core.money import Taxed
from crm.core.uow import UnitOfWork
from crm.financials.within import Within
from crm.invoices.models import Invoice

# A receipt says what was paid, not what was sold.
DOCUMENTS = ("invoice", "credit_note")


def parts_of(document: Invoice) -> list[Taxed]:
    """Highest rate first."""
    sign = -1 if document.kind == "credit_note" else 1
    return [
        Taxed(
            one["tax"],
            one["tax_bp"],
            sign * one["net_minor"],
            sign * one["tax_minor"],
            sign * one["gross_minor"],
        )
        for one in document.content["totals"]["by_rate"]
    ]


def by_rate(uow: UnitOfWork, within: Within) -> dict[str, list[Taxed]]:
    """By currency, highest rate first; as the ledger's tax, less that of credit notes."""
    part = func.jsonb_array_elements(Invoice.content["totals"]["by_rate"]).table_valued(
        column("value", JSONB)
    )
    told = part.c.value
    sign = case((Invoice.kind == "credit_note", -1), else_=1)
    sums = [
        func.sum(sign * cast(told[name].astext, BigInteger))
        for name in ("net_minor", "tax_minor", "gross_minor")
    ]
    rate = (Invoice.currency, told["tax"].astext, cast(told["tax_bp"].astext, Integer))
    query = (
        select(*rate, *sums)
        .join_from(Invoice, part, true())
        .where(Invoice.kind.in_(DOCUMENTS), *within.of_invoices())
        .group_by(*rate)
        .order_by(rate[2].desc(), rate[1])
    )
    found = defaultdict(list)
    for currency, code, basis_points, *amounts in uow.session.execute(query):
        found[currency].append(Taxed(code, basis_points, *(int(one) for one in amounts)))
    return dict(found)


def buyer_of(document: Invoice) -> str:
    """As it stands on the document; empty on one for anybody."""
    return (document.content.get("buyer") or {}).get("name", "")
