"""Reads of disputes; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from crm.core import refs
from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.disputes.models import Dispute
from crm.payments.models import Payment

REF_PREFIX = "DSP"


def by_ref(uow: UnitOfWork, typed: str) -> Dispute:
    """Raises NotFound."""
    ref = refs.read(REF_PREFIX, typed)
    found = uow.session.scalar(select(Dispute).where(Dispute.ref == ref))
    if found is None:
        raise NotFound("no such dispute")
    return found


def listed(
    uow: UnitOfWork,
    *,
    state: str | None = None,
    payment_id: int | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    query = select(Dispute)
    if state is not None:
        query = query.where(Dispute.state == state)
    if payment_id is not None:
        query = query.where(Dispute.payment_id == payment_id)
    return page(uow.session, query, [Dispute.id], limit=limit, after=after)


def of_repair(uow: UnitOfWork, repair_id: int) -> list[Dispute]:
    """Oldest first."""
    query = select(Dispute).join(Payment, Payment.id == Dispute.payment_id)
    query = query.where(Payment.repair_id == repair_id).order_by(Dispute.id)
    return list(uow.session.scalars(query))
