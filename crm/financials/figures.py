"""Sums of the ledger by currency: of a scope's whole life, or of a period.

Two currencies are never added together. The ledger's signs are the bookkeeper's (see
`crm/payments/rules.py`); here earnings, money received and money held are positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from crm.core.uow import UnitOfWork
from crm.payments.models import LedgerEntry
from crm.payments.rules import METHODS

_ACCOUNT, _AMOUNT, _CAUSE = LedgerEntry.account, LedgerEntry.amount_minor, LedgerEntry.cause


@dataclass(frozen=True)
class Figures:
    """invoiced, credited: gross. revenue: net of tax, less credit notes and lost disputes.

    tax: of invoices less that of credit notes. open: owed on invoices. refunded: given back, or
    promised and on its way. disputed: taken back by a bank until it is decided.
    """

    currency: str
    invoiced_minor: int = 0
    credited_minor: int = 0
    revenue_minor: int = 0
    tax_minor: int = 0
    fees_minor: int = 0
    open_minor: int = 0
    held_minor: int = 0
    paid_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0


def caused_by(kind: str) -> ColumnElement[bool]:
    """kind: what stands before the colon of a cause, such as `invoice`."""
    return _CAUSE.startswith(f"{kind}:", autoescape=True)


# What is earned, and where a customer's money can lie.
EARNED = _ACCOUNT.in_(("sales", "tax"))
MONEY = _ACCOUNT.in_(METHODS)


def of_repairs(repair_ids: Sequence[int], customer_id: int | None = None) -> ColumnElement[bool]:
    """Entries of these repairs, and of the customer's invoices that belong to no repair."""
    on_repairs = LedgerEntry.repair_id == func.any(list(repair_ids))
    if customer_id is None:
        return on_repairs
    directly = and_(LedgerEntry.customer_id == customer_id, LedgerEntry.repair_id.is_(None))
    return or_(on_repairs, directly)


def figures(uow: UnitOfWork, *where: ColumnElement[bool]) -> dict[str, Figures]:
    """By currency, of the entries chosen."""
    query = (
        select(
            LedgerEntry.currency,
            -_sum(EARNED, caused_by("invoice")),
            _sum(EARNED, caused_by("credit_note")),
            -_sum(_ACCOUNT == "sales"),
            -_sum(_ACCOUNT == "tax"),
            _sum(_ACCOUNT == "fees"),
            _sum(_ACCOUNT == "receivable"),
            -_sum(_ACCOUNT == "held"),
            _sum(MONEY, caused_by("payment")),
            -_sum(or_(MONEY, _ACCOUNT == "refunding"), caused_by("refund")),
            _sum(_ACCOUNT == "disputed"),
        )
        .where(*where)
        .group_by(LedgerEntry.currency)
    )
    return {
        currency: Figures(currency, *(int(one) for one in sums))
        for currency, *sums in uow.session.execute(query)
    }


def _sum(*where: Any) -> Any:
    return func.coalesce(func.sum(_AMOUNT).filter(*where), 0)
