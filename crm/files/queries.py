"""Reads of files; nothing here locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.files.models import File
from crm.files.service import Owner


def listed(
    uow: UnitOfWork, owner: Owner, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Oldest first, as the work went on."""
    query = select(File).where(owner.is_of())
    return page(uow.session, query, [File.id], limit=limit, after=after, oldest_first=True)


def released(uow: UnitOfWork, repair_id: int) -> list[File]:
    """What the tracking page shows, oldest first."""
    query = select(File).where(File.repair_id == repair_id, File.is_public).order_by(File.id)
    return list(uow.session.scalars(query))


def is_filed(uow: UnitOfWork, external_id: str) -> bool:
    return bool(uow.session.scalar(select(exists().where(File.external_id == external_id))))
