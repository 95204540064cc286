"""Reads of loan devices and loans; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.loans.models import Loan, LoanDevice


def device(uow: UnitOfWork, device_id: int) -> LoanDevice:
    """Raises NotFound."""
    found = uow.session.get(LoanDevice, device_id)
    if found is None:
        raise NotFound("no such loan device")
    return found


def devices(
    uow: UnitOfWork,
    *,
    is_active: bool | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Oldest first."""
    query = select(LoanDevice)
    if is_active is not None:
        query = query.where(LoanDevice.is_active == is_active)
    return page(uow.session, query, [LoanDevice.id], limit=limit, after=after, oldest_first=True)


def out(uow: UnitOfWork, *, limit: int, after: Sequence[Any] | None = None) -> Page:
    """Open loans, the longest overdue first."""
    query = select(Loan).where(Loan.returned_at.is_(None))
    return page(
        uow.session, query, [Loan.due_on, Loan.id], limit=limit, after=after, oldest_first=True
    )


def of_repair(
    uow: UnitOfWork, repair_id: int, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Oldest first, returned ones too."""
    query = select(Loan).where(Loan.repair_id == repair_id)
    return page(uow.session, query, [Loan.id], limit=limit, after=after, oldest_first=True)
