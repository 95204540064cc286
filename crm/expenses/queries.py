"""Reads of expenses; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, column, select, table, union_all

from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.expenses.models import Expense

# Repairs are a subject of the same tier.
_REPAIRS = table("repairs", column("id"), column("customer_id"))


def by_id(uow: UnitOfWork, expense_id: int) -> Expense:
    """Raises NotFound."""
    found = uow.session.get(Expense, expense_id)
    if found is None:
        raise NotFound("no such expense")
    return found


def listed(
    uow: UnitOfWork,
    *,
    repair_id: int | None = None,
    customer_id: int | None = None,
    kind: str | None = None,
    currency: str | None = None,
    since: date | None = None,
    until: date | None = None,
    is_voided: bool = False,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """The latest day first. since, until: days, both inclusive. customer_id: his repairs' too."""
    query = select(Expense).where(
        Expense.voided_at.is_not(None) if is_voided else Expense.voided_at.is_(None)
    )
    exact = {Expense.repair_id: repair_id, Expense.kind: kind, Expense.currency: currency}
    query = query.where(*(name == value for name, value in exact.items() if value is not None))
    if customer_id is not None:
        query = query.where(Expense.id.in_(of_customer(customer_id)))
    if since is not None:
        query = query.where(Expense.spent_on >= since)
    if until is not None:
        query = query.where(Expense.spent_on <= until)
    return page(uow.session, query, [Expense.spent_on, Expense.id], limit=limit, after=after)


def of_customer(customer_id: int) -> Select:
    """Ids of what was spent for a customer, directly or on a repair of theirs.

    Two branches, so that each is found by its index.
    """
    on_repairs = select(Expense.id).where(
        Expense.repair_id.in_(select(_REPAIRS.c.id).where(_REPAIRS.c.customer_id == customer_id))
    )
    directly = select(Expense.id).where(Expense.customer_id == customer_id)
    return select(union_all(on_repairs, directly).subquery().c.id)
