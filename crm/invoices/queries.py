"""Reads of documents; nothing here locks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.invoices.models import INVOICE, Invoice

_NUMBER = re.compile(r"[A-Z][A-Z0-9]{1,7}-[0-9]{4}-[0-9]{6,10}")


def by_number(uow: UnitOfWork, number: str) -> Invoice:
    """However it is typed. Raises NotFound."""
    typed = number.strip().upper()
    is_number = _NUMBER.fullmatch(typed) is not None
    found = (
        uow.session.scalar(select(Invoice).where(Invoice.number == typed)) if is_number else None
    )
    if found is None:
        raise NotFound("no such document")
    return found


def of_repair(uow: UnitOfWork, repair_id: int) -> list[Invoice]:
    """Its invoices, oldest first; no credit notes or receipts."""
    query = select(Invoice).where(Invoice.repair_id == repair_id, Invoice.kind == INVOICE)
    return list(uow.session.scalars(query.order_by(Invoice.id)))


def documents(uow: UnitOfWork, repair_id: int) -> list[Invoice]:
    """Everything issued for it, oldest first."""
    query = select(Invoice).where(Invoice.repair_id == repair_id).order_by(Invoice.id)
    return list(uow.session.scalars(query))


def of_payment(uow: UnitOfWork, payment_id: int) -> Invoice | None:
    """The receipt of a payment."""
    return uow.session.scalar(select(Invoice).where(Invoice.payment_id == payment_id))


def credit_notes(uow: UnitOfWork, invoice_id: int) -> list[Invoice]:
    """Of an invoice, oldest first."""
    query = select(Invoice).where(Invoice.corrects_id == invoice_id).order_by(Invoice.id)
    return list(uow.session.scalars(query))


def credited(uow: UnitOfWork, invoice_id: int) -> dict[int, int]:
    """Line -> gross credited so far."""
    found: dict[int, int] = {}
    for note in credit_notes(uow, invoice_id):
        positions = note.content["corrects"]["lines"]
        for position, line in zip(positions, note.content["lines"], strict=True):
            found[position] = found.get(position, 0) + line["quantity"] * line["unit_minor"]
    return found


def numbers(uow: UnitOfWork, ids: Sequence[int | None]) -> dict[int, str]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    query = select(Invoice.id, Invoice.number).where(Invoice.id.in_(wanted))
    return {found.id: found.number for found in uow.session.execute(query)}


def listed(
    uow: UnitOfWork,
    *,
    repair_id: int | None = None,
    customer_id: int | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first, of every kind. since, until: when they were issued, the second excluded."""
    query = select(Invoice)
    for column, wanted in (
        (Invoice.repair_id, repair_id),
        (Invoice.customer_id, customer_id),
        (Invoice.kind, kind),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if since is not None:
        query = query.where(Invoice.issued_at >= since)
    if until is not None:
        query = query.where(Invoice.issued_at < until)
    order = [Invoice.issued_at, Invoice.id]
    return page(uow.session, query, order, limit=limit, after=after)
