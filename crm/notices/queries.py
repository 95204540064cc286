"""Reads of notices: the list, how many are unread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.notices.models import Notice, NoticeRead
from crm.notices.service import Reader
from crm.staff import roles
from crm.staff.models import ApiKey, Staff


@dataclass(frozen=True)
class Count:
    """newest: the id of the newest notice, read or not; 0 when there is none."""

    unread: int
    newest: int


def listed(
    uow: UnitOfWork,
    reader: Reader,
    *,
    unread: bool | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first. unread: only those, or only the others."""
    query = select(Notice).where(reader.sees())
    if unread is not None:
        query = query.where(~reader.has_read() if unread else reader.has_read())
    return page(uow.session, query, [Notice.id], limit=limit, after=after)


def read_among(uow: UnitOfWork, reader: Reader, ids: Collection[int]) -> set[int]:
    """Which of these the reader has read."""
    rows = select(NoticeRead.notice_id).where(
        NoticeRead.reader == reader.scope, NoticeRead.notice_id.in_(ids)
    )
    return set(uow.session.scalars(rows))


def count(uow: UnitOfWork, reader: Reader) -> Count:
    unread = select(func.count()).where(reader.sees(), ~reader.has_read())
    newest = select(func.max(Notice.id)).where(reader.sees())
    row = uow.session.execute(select(unread.scalar_subquery(), newest.scalar_subquery())).one()
    return Count(row[0], row[1] or 0)


def reader_of(uow: UnitOfWork, scope: str) -> Reader | None:
    """The reader a scope names, with the role they have now; None when there is none any more."""
    kind, _, number = scope.partition("/")
    if kind == "staff":
        person = uow.session.get(Staff, int(number))
        return Reader(scope, person.role, person.id) if person and person.is_active else None
    key = uow.session.get(ApiKey, number)
    is_good = key is not None and key.revoked_at is None and key.role in roles.STAFF_ROLES
    return Reader(scope, key.role) if is_good else None
