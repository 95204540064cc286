"""Reads of the log of messages to customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification


def listed(
    uow: UnitOfWork,
    *,
    state: str | None = None,
    repair_id: int | None = None,
    customer_id: int | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    exact = {
        Notification.state: state,
        Notification.repair_id: repair_id,
        Notification.customer_id: customer_id,
    }
    query = select(Notification).where(
        *(column == value for column, value in exact.items() if value is not None)
    )
    return page(uow.session, query, [Notification.id], limit=limit, after=after)
