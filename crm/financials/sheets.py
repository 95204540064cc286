"""Sheets for the accountant: ledger, documents by rate, what is owed, expenses; a batch at a time.

Amounts are decimals with their currency beside them, days and times the shop's. Words come from
customers and suppliers and go into spreadsheets, so each cell of words is guarded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from crm.catalog.sheets import guard
from crm.core.money import digits
from crm.core.paging import page
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.expenses.models import Expense
from crm.financials import receivables
from crm.financials.taxes import DOCUMENTS, buyer_of, parts_of
from crm.financials.within import Within
from crm.invoices.models import Invoice
from crm.payments.models import LedgerEntry, Payment
from crm.repairs.models import Repair

BATCH = 1000

Cells = Sequence[str]
Position = Sequence[Any] | None


@dataclass(frozen=True)
class Chosen:
    """What a sheet tells beyond its period; each sheet reads what concerns it.

    accounts, cause: of the ledger; cause is what stands before the colon. kind: of documents. tax,
    tax_bp: of a rate. age: of what is owed.
    """

    within: Within
    accounts: tuple[str, ...] = ()
    cause: str | None = None
    kind: str | None = None
    tax: str | None = None
    tax_bp: int | None = None
    age: str | None = None


@dataclass(frozen=True)
class Sheet:
    """read: a batch from a position on, and the next position, None after the last."""

    name: str
    columns: Cells
    read: Callable[[UnitOfWork, Chosen, Position], tuple[list[Cells], Position]]


def text(rows: Iterable[Cells]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def amount(minor: int, currency: str) -> str:
    """`-12.50`: a plain number, so that spreadsheets add it up."""
    return f"{Decimal(minor).scaleb(-digits(currency)):f}"


def _ledger(uow: UnitOfWork, chosen: Chosen, after: Position) -> tuple[list[Cells], Position]:
    query = select(LedgerEntry).where(*chosen.within.of_ledger())
    if chosen.accounts:
        query = query.where(LedgerEntry.account.in_(chosen.accounts))
    if chosen.cause is not None:
        query = query.where(LedgerEntry.cause.startswith(f"{chosen.cause}:", autoescape=True))
    found = page(uow.session, query, [LedgerEntry.id], limit=BATCH, after=after, oldest_first=True)
    repairs, people = _refs(uow, Repair.ref, found.items), _refs(uow, Customer.ref, found.items)
    numbers = _refs(uow, Invoice.number, found.items)
    payments = _refs(uow, Payment.ref, found.items)
    rows = [
        (
            str(one.transaction_id),
            *_moment(one.at, chosen.within),
            one.cause.partition(":")[0],
            one.account,
            amount(one.amount_minor, one.currency),
            one.currency,
            repairs.get(one.repair_id, ""),
            people.get(one.customer_id, ""),
            numbers.get(one.invoice_id, ""),
            payments.get(one.payment_id, ""),
        )
        for one in found.items
    ]
    return rows, found.next


def _invoices(uow: UnitOfWork, chosen: Chosen, after: Position) -> tuple[list[Cells], Position]:
    """A row for each rate of each document; a credit note takes away."""
    kinds = (chosen.kind,) if chosen.kind else DOCUMENTS
    query = select(Invoice).where(Invoice.kind.in_(kinds), *chosen.within.of_invoices())
    found = page(uow.session, query, [Invoice.id], limit=BATCH, after=after, oldest_first=True)
    repairs, people = _refs(uow, Repair.ref, found.items), _refs(uow, Customer.ref, found.items)
    corrected = _refs(uow, Invoice.number, found.items, by="corrects_id")
    rows = [
        (
            one.number,
            one.kind,
            *_moment(one.issued_at, chosen.within),
            part.tax,
            f"{Decimal(part.tax_bp).scaleb(-2).normalize():f}",
            amount(part.net_minor, one.currency),
            amount(part.tax_minor, one.currency),
            amount(part.gross_minor, one.currency),
            one.currency,
            corrected.get(one.corrects_id, ""),
            repairs.get(one.repair_id, ""),
            people.get(one.customer_id, ""),
            guard(buyer_of(one)),
        )
        for one in found.items
        for part in parts_of(one)
        if chosen.tax in (None, part.tax) and chosen.tax_bp in (None, part.tax_bp)
    ]
    return rows, found.next


def _receivables(uow: UnitOfWork, chosen: Chosen, after: Position) -> tuple[list[Cells], Position]:
    start = after[0] if after else 0
    found = receivables.listed(uow, chosen.within, chosen.age, limit=BATCH, after=start)
    documents = [one.invoice for one in found]
    repairs, people = _refs(uow, Repair.ref, documents), _refs(uow, Customer.ref, documents)
    rows = [
        (
            one.invoice.number,
            one.issued_on.isoformat(),
            one.invoice.due_on.isoformat() if one.invoice.due_on else "",
            str(one.days),
            one.age,
            amount(one.invoice.total_minor, one.invoice.currency),
            amount(one.open_minor, one.invoice.currency),
            one.invoice.currency,
            repairs.get(one.invoice.repair_id, ""),
            people.get(one.invoice.customer_id, ""),
        )
        for one in found
    ]
    return rows, [documents[-1].id] if len(found) == BATCH else None


def _expenses(uow: UnitOfWork, chosen: Chosen, after: Position) -> tuple[list[Cells], Position]:
    """Those that count."""
    query = select(Expense).where(Expense.voided_at.is_(None), *chosen.within.of_expenses())
    order = [Expense.spent_on, Expense.id]
    found = page(uow.session, query, order, limit=BATCH, after=after, oldest_first=True)
    repairs, people = _refs(uow, Repair.ref, found.items), _refs(uow, Customer.ref, found.items)
    rows = [
        (
            str(one.id),
            one.spent_on.isoformat(),
            one.kind,
            guard(one.label),
            guard(one.supplier),
            amount(one.net_minor, one.currency),
            amount(one.tax_minor, one.currency),
            amount(one.amount_minor, one.currency),
            one.currency,
            repairs.get(one.repair_id, ""),
            people.get(one.customer_id, ""),
        )
        for one in found.items
    ]
    return rows, found.next


def _refs(
    uow: UnitOfWork, name: InstrumentedAttribute, rows: Iterable[Any], *, by: str | None = None
) -> dict[int | None, str]:
    """Id -> what people call it, for all rows in one query. by: the column that holds the id."""
    table = name.class_
    by = by or _FOREIGN[table]
    wanted = {getattr(row, by) for row in rows} - {None}
    if not wanted:
        return {}
    found = uow.session.execute(select(table.id, name).where(table.id.in_(wanted)))
    return {number: called for number, called in found}


def _moment(at: datetime, within: Within) -> tuple[str, str]:
    local = at.astimezone(within.zone)
    return local.date().isoformat(), f"{local:%H:%M:%S}"


_FOREIGN = {
    Repair: "repair_id", Customer: "customer_id", Invoice: "invoice_id", Payment: "payment_id",
}  # fmt: skip

LEDGER = Sheet(
    "ledger",
    ("transaction", "date", "time", "cause", "account", "amount", "currency", "repair",
     "customer", "invoice", "payment"),
    _ledger,
)  # fmt: skip
INVOICES = Sheet(
    "invoices",
    ("number", "kind", "date", "time", "tax_code", "tax_percent", "net", "tax", "gross",
     "currency", "corrects", "repair", "customer", "buyer"),
    _invoices,
)  # fmt: skip
RECEIVABLES = Sheet(
    "receivables",
    ("number", "date", "due", "days", "age", "gross", "open", "currency", "repair", "customer"),
    _receivables,
)
EXPENSES = Sheet(
    "expenses",
    ("expense", "date", "kind", "label", "supplier", "net", "tax", "gross", "currency", "repair",
     "customer"),
    _expenses,
)  # fmt: skip
