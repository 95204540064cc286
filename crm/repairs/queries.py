"""Reads of repairs and their history; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select

from crm.core import refs
from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.repairs.models import REF_PREFIX, Repair, RepairEntry, TicketRepair


def by_ref(uow: UnitOfWork, ref: str, *, owner_key: str | None = None) -> Repair:
    """owner_key: look only at this shop system's repairs. Raises NotFound."""
    query = select(Repair).where(Repair.ref == (refs.read(REF_PREFIX, ref) or ""))
    if owner_key is not None:
        query = query.where(Repair.owner_key == owner_key)
    repair = uow.session.scalars(query).first()
    if repair is None:
        raise NotFound("no such repair")
    return repair


def listed(
    uow: UnitOfWork,
    *,
    status: str | None = None,
    flag: str | None = None,
    external_id: str | None = None,
    place: str | None = None,
    words: str | None = None,
    customer_id: int | None = None,
    ticket_id: int | None = None,
    owner_key: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first. words: part of a reference, a device or a place, in any case."""
    exact = {
        Repair.status: status,
        Repair.external_id: external_id,
        Repair.place: place,
        Repair.customer_id: customer_id,
        Repair.owner_key: owner_key,
    }
    query = select(Repair).where(
        *(column == value for column, value in exact.items() if value is not None)
    )
    if words is not None:
        query = query.where(
            or_(
                *(column.icontains(words, autoescape=True)
                  for column in (Repair.ref, Repair.device, Repair.place)),
                Repair.ref == refs.read(REF_PREFIX, words),
            )
        )  # fmt: skip
    if flag is not None:
        query = query.where(Repair.flags.contains([flag]))
    if ticket_id is not None:
        query = query.join(TicketRepair, TicketRepair.repair_id == Repair.id).where(
            TicketRepair.ticket_id == ticket_id
        )
    return page(uow.session, query, [Repair.id], limit=limit, after=after)


def history(
    uow: UnitOfWork, repair_id: int, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Oldest first."""
    query = select(RepairEntry).where(RepairEntry.repair_id == repair_id)
    return page(uow.session, query, [RepairEntry.id], limit=limit, after=after, oldest_first=True)


def ticket_ids(uow: UnitOfWork, repair_id: int) -> list[int]:
    """The tickets this repair is part of."""
    rows = select(TicketRepair.ticket_id).where(TicketRepair.repair_id == repair_id)
    return list(uow.session.scalars(rows))
