"""Posting notices, and marking them as read. Which events lead to one is `crm/noticing.py`'s table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from crm.core.errors import NotFound
from crm.core.events import announce
from crm.core.uow import UnitOfWork
from crm.notices.models import Notice, NoticeRead
from crm.staff import roles

# The kind under which open pages hear of news; a number of 0 is for all of them.
LIVE = "notices"
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Reader:
    """Who looks. scope: `staff/<id>` or `key/<id>`, by which reading is kept. staff_id: of a person."""

    scope: str
    role: str
    staff_id: int | None = None

    def sees(self) -> ColumnElement[bool]:
        """The condition on notices; a role sees what those below it see."""
        place = roles.STAFF_ROLES.index(self.role)
        by_role = and_(Notice.staff_id.is_(None), Notice.role.in_(roles.STAFF_ROLES[: place + 1]))
        return by_role if self.staff_id is None else or_(by_role, Notice.staff_id == self.staff_id)

    def has_read(self) -> ColumnElement[bool]:
        return exists().where(NoticeRead.notice_id == Notice.id, NoticeRead.reader == self.scope)


def post(
    uow: UnitOfWork,
    event_key: str,
    kind: str,
    role: str,
    about: dict[str, Any],
    *,
    staff_id: int | None = None,
    customer_id: int | None = None,
    repair_id: int | None = None,
    ticket_id: int | None = None,
) -> int | None:
    """Returns its id; None when this was told before."""
    values = {
        "event_key": event_key, "kind": kind, "role": role, "about": about, "at": uow.now,
        "staff_id": staff_id, "customer_id": customer_id, "repair_id": repair_id,
        "ticket_id": ticket_id,
    }  # fmt: skip
    posted = uow.session.scalar(
        insert(Notice).values(values).on_conflict_do_nothing().returning(Notice.id)
    )
    if posted is not None:
        announce(uow.session, [(LIVE, 0)])
    return posted


def read(uow: UnitOfWork, reader: Reader, notice_id: int) -> None:
    """Once or again. Raises NotFound: what is not for this reader is not there."""
    _check_seen(uow, reader, notice_id)
    _read(uow, reader, Notice.id == notice_id)


def read_all(uow: UnitOfWork, reader: Reader) -> int:
    """Returns how many were unread. `unread_of` with this unit's moment takes it back."""
    return _read(uow, reader, ~reader.has_read())


def unread(uow: UnitOfWork, reader: Reader, notice_id: int) -> None:
    """Raises NotFound as `read` does."""
    _check_seen(uow, reader, notice_id)
    _unread(uow, reader, NoticeRead.notice_id == notice_id)


def unread_of(uow: UnitOfWork, reader: Reader, read_at: datetime) -> None:
    """Take back what was marked at that one moment."""
    _unread(uow, reader, NoticeRead.read_at == read_at)


def forget(uow: UnitOfWork) -> None:
    uow.session.execute(delete(Notice).where(Notice.at < uow.now - KEPT))


def _check_seen(uow: UnitOfWork, reader: Reader, notice_id: int) -> None:
    if not uow.session.scalar(select(exists().where(Notice.id == notice_id, reader.sees()))):
        raise NotFound("no such notice")


def _read(uow: UnitOfWork, reader: Reader, which: ColumnElement[bool]) -> int:
    ids = uow.session.scalars(select(Notice.id).where(which, reader.sees())).all()
    if ids:
        rows = [{"notice_id": one, "reader": reader.scope, "read_at": uow.now} for one in ids]
        uow.session.execute(insert(NoticeRead).on_conflict_do_nothing(), rows)
        announce(uow.session, [(LIVE, reader.scope)])
    return len(ids)


def _unread(uow: UnitOfWork, reader: Reader, which: ColumnElement[bool]) -> None:
    uow.session.execute(delete(NoticeRead).where(which, NoticeRead.reader == reader.scope))
    announce(uow.session, [(LIVE, reader.scope)])
