"""Invoices not paid in full as a day ends, by how long ago they were issued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Date, Select, Subquery, case, cast, func, literal, select
from sqlalchemy.orm import defer

from crm.core.uow import UnitOfWork
from crm.financials.within import Within
from crm.invoices.models import Invoice
from crm.payments.models import LedgerEntry

# Days since issue: (name, the last day of it); what is older than the last goes by `OLDEST`.
AGES = (("0-30", 30), ("31-60", 60), ("61-90", 90))
OLDEST = "91+"
NAMES = (*(name for name, _ in AGES), OLDEST)


@dataclass(frozen=True)
class Open:
    """days: since it was issued, by the shop's calendar. open_minor: what is still owed."""

    invoice: Invoice
    issued_on: date
    days: int
    age: str
    open_minor: int


@dataclass(frozen=True)
class Aged:
    age: str
    amount_minor: int
    count: int


def aged(uow: UnitOfWork, within: Within) -> dict[str, list[Aged]]:
    """By currency, every age, also those of nothing; as the last day of `within` ends."""
    owed, age = _owed(within), _age(within)
    query = (
        select(Invoice.currency, age, func.sum(owed.c.rest), func.count())
        .join(owed, owed.c.invoice_id == Invoice.id)
        .group_by(Invoice.currency, age)
    )
    found: dict[str, dict[str, Aged]] = {}
    for currency, name, amount, count in uow.session.execute(query):
        found.setdefault(currency, {})[name] = Aged(name, int(amount), count)
    return {
        currency: [ages.get(name) or Aged(name, 0, 0) for name in NAMES]
        for currency, ages in found.items()
    }


def listed(
    uow: UnitOfWork, within: Within, age: str | None, *, limit: int, after: int
) -> list[Open]:
    """In the order of issue. after: id of the last invoice seen, 0 at first."""
    owed = _owed(within)
    query: Select = (
        select(Invoice, _issued_on(within), _days(within), _age(within), owed.c.rest)
        .join(owed, owed.c.invoice_id == Invoice.id)
        .where(Invoice.id > after)
        .order_by(Invoice.id)
        .limit(limit)
        # Whole documents, and nothing is looked up in them.
        .options(defer(Invoice.content, raiseload=True))
    )
    if age is not None:
        query = query.where(_age(within) == age)
    return [
        Open(invoice, issued_on, days, name, int(rest))
        for invoice, issued_on, days, name, rest in uow.session.execute(query)
    ]


def _owed(within: Within) -> Subquery:
    rest = func.sum(LedgerEntry.amount_minor)
    return (
        select(LedgerEntry.invoice_id, rest.label("rest"))
        .where(LedgerEntry.account == "receivable", *within.until_its_end())
        .group_by(LedgerEntry.invoice_id)
        .having(rest > 0)
        .subquery()
    )


def _issued_on(within: Within) -> ColumnElement[date]:
    return cast(func.timezone(within.zone.key, Invoice.issued_at), Date)


def _days(within: Within) -> ColumnElement[int]:
    return literal(within.until, Date) - _issued_on(within)


def _age(within: Within) -> ColumnElement[str]:
    days = _days(within)
    return case(*((days <= last, name) for name, last in AGES), else_=OLDEST)
