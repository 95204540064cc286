"""What expenses cost the shop, by currency: those that count, less the tax it reclaims."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from crm.core.uow import UnitOfWork
from crm.expenses.models import Expense


@dataclass(frozen=True)
class Costs:
    """tax_minor: reclaimed, so no cost."""

    net_minor: int = 0
    tax_minor: int = 0


def costs(uow: UnitOfWork, *where: ColumnElement[bool]) -> dict[str, Costs]:
    query = (
        select(
            Expense.currency,
            func.sum(Expense.amount_minor - Expense.tax_minor),
            func.sum(Expense.tax_minor),
        )
        .where(Expense.voided_at.is_(None), *where)
        .group_by(Expense.currency)
    )
    return {
        currency: Costs(int(net), int(tax)) for currency, net, tax in uow.session.execute(query)
    }
