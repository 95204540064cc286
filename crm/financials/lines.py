"""Earnings explained: one line for each thing that adds to a margin or takes from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from crm.analytics.models import RepairStep
from crm.core.hours import day_span
from crm.core.money import line_of
from crm.core.uow import UnitOfWork
from crm.disputes.models import Dispute
from crm.expenses.models import Expense
from crm.financials import rules
from crm.invoices.models import Invoice
from crm.payments.models import LedgerEntry, Payment
from crm.repairs.models import Repair

_DOCUMENTS = ("invoice", "credit_note")
_ACCOUNTS = ("sales", "tax", "fees")


@dataclass(frozen=True)
class Explained:
    """kind: `revenue credit dispute fee expense time`. source: where it is to be looked up.

    net_minor: what it adds to the margin, less than 0 where it takes from it. tax_minor: beside
    it, owed to the state when positive, reclaimed from it when negative.
    """

    kind: str
    source: str
    label: str
    currency: str
    net_minor: int
    tax_minor: int
    repair_id: int | None
    at: datetime


@dataclass
class _Posted:
    """What one transaction of the ledger did to sales, tax and fees."""

    entry: LedgerEntry
    sales: int = 0
    tax: int = 0
    fees: int = 0
    payment_id: int | None = None

    @property
    def kind(self) -> str:
        return self.entry.cause.split(":")[0]

    @property
    def number(self) -> int:
        """Of what it was posted for."""
        return int(self.entry.cause.split(":")[1])


@dataclass(frozen=True)
class _Sources:
    documents: dict[int, Invoice]
    payments: dict[int, Payment]
    disputes: dict[int, Dispute]


def of_ledger(uow: UnitOfWork, where: ColumnElement[bool], most: int) -> list[Explained]:
    """Newest first. most: transactions; what is told of, is told in whole."""
    chosen = (where, LedgerEntry.account.in_(_ACCOUNTS))
    newest = (
        select(LedgerEntry.transaction_id)
        .where(*chosen)
        .group_by(LedgerEntry.transaction_id)
        .order_by(LedgerEntry.transaction_id.desc())
        .limit(most)
    )
    query = (
        select(LedgerEntry)
        .where(*chosen, LedgerEntry.transaction_id.in_(newest))
        .order_by(LedgerEntry.transaction_id.desc(), LedgerEntry.id)
    )
    posted = _by_transaction(uow.session.scalars(query))
    sources = _Sources(
        _rows(uow, Invoice, {one.number for one in posted if one.kind in _DOCUMENTS}),
        _rows(uow, Payment, {one.payment_id for one in posted if one.payment_id}),
        _rows(uow, Dispute, {one.number for one in posted if one.kind == "dispute"}),
    )
    return [line for one in posted for line in _explained(one, sources)]


def of_expenses(
    uow: UnitOfWork, where: ColumnElement[bool], zone: ZoneInfo, most: int
) -> list[Explained]:
    """The latest day first. zone: whose calendar the days are of."""
    query = (
        select(Expense)
        .where(where, Expense.voided_at.is_(None))
        .order_by(Expense.spent_on.desc(), Expense.id.desc())
        .limit(most)
    )
    return [
        Explained(
            "expense", f"expense {one.id}", one.label, one.currency, -one.net_minor,
            -one.tax_minor, one.repair_id, day_span(one.spent_on, zone).start,
        )
        for one in uow.session.scalars(query)
    ]  # fmt: skip


def of_time(uow: UnitOfWork, repair_ids: Sequence[int]) -> list[Explained]:
    """What technicians' time cost, a line for each repair; none while time is not costed."""
    told = rules.rules()
    cost = told.hourly_cost
    if cost is None or not repair_ids:
        return []
    elapsed = func.extract("epoch", RepairStep.finished_at - RepairStep.started_at)
    seconds = func.sum(func.least(elapsed, told.most_hours * 3600))
    query = (
        select(RepairStep.repair_id, Repair.ref, seconds, func.max(RepairStep.finished_at))
        .join(Repair, Repair.id == RepairStep.repair_id)
        .where(
            RepairStep.repair_id == func.any(list(repair_ids)),
            RepairStep.status.in_(told.stages),
            Repair.currency == cost.currency,
        )
        .group_by(RepairStep.repair_id, Repair.ref)
    )
    return [
        Explained(
            "time", f"time {ref}", f"{seconds / 3600:.1f} h at the bench", cost.currency,
            -rules.time_cost(cost, seconds), 0, repair_id, last,
        )
        for repair_id, ref, seconds, last in uow.session.execute(query)
    ]  # fmt: skip


def _by_transaction(entries: Iterable[LedgerEntry]) -> list[_Posted]:
    found: dict[int, _Posted] = {}
    for entry in entries:
        one = found.setdefault(entry.transaction_id, _Posted(entry))
        setattr(one, entry.account, getattr(one, entry.account) + entry.amount_minor)
        one.payment_id = one.payment_id or entry.payment_id
    return list(found.values())


def _rows(uow: UnitOfWork, table: Any, ids: set[int]) -> dict[int, Any]:
    if not ids:
        return {}
    return {row.id: row for row in uow.session.scalars(select(table).where(table.id.in_(ids)))}


def _explained(one: _Posted, sources: _Sources) -> list[Explained]:
    entry = one.entry
    if one.kind in _DOCUMENTS:
        return _lines_of(sources.documents[one.number], one)
    payment = sources.payments.get(one.payment_id or 0)
    told = sources.disputes[one.number] if one.kind == "dispute" else payment

    def line(kind: str, net: int, tax: int) -> Explained:
        return Explained(
            kind, f"{kind} {told.ref if told else entry.cause}", payment.ref if payment else "",
            entry.currency, net, tax, entry.repair_id, entry.at,
        )  # fmt: skip

    found = []
    if one.fees:
        found.append(line("fee", -one.fees, 0))
    if one.sales or one.tax:
        found.append(line("dispute", -one.sales, -one.tax))
    return found


def _lines_of(document: Invoice, one: _Posted) -> list[Explained]:
    """A document's lines; net and tax add up to what was posted for it."""
    is_credit = document.kind == "credit_note"
    sign = -1 if is_credit else 1
    lines = [line_of(told) for told in document.content["lines"]]
    taxes = rules.taxes(lines, -sign * one.tax)
    name = "credit note" if is_credit else "invoice"
    return [
        Explained(
            "credit" if is_credit else "revenue",
            f"{name} {document.number} line {position}",
            line.label,
            document.currency,
            sign * (line.gross_minor - tax),
            sign * tax,
            one.entry.repair_id,
            one.entry.at,
        )
        for position, (line, tax) in enumerate(zip(lines, taxes, strict=True), start=1)
    ]
