"""The audit log: who did what, chained by hashes so that a changed or missing row shows.

The database refuses updates and deletes (migration `spine`, trigger `audit_is_final`).
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core import clock
from crm.core.db import Base
from crm.core.events import Actor
from crm.core.uow import UnitOfWork

_LOCK = 0x6D656E64_01  # one writer at a time, or two rows would name the same predecessor


class AuditRow(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column()
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    details: Mapped[dict] = mapped_column()
    previous_hash: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)


def _hash(row: AuditRow) -> str:
    words = json.dumps(
        [row.id, clock.iso(row.at), row.actor_kind, row.actor_name, row.action, row.target,
         row.details, row.previous_hash],
        sort_keys=True, ensure_ascii=False,
    )  # fmt: skip
    return hashlib.sha256(words.encode()).hexdigest()


def write(
    uow: UnitOfWork, actor: Actor, action: str, target: str, details: dict[str, Any] | None = None
) -> None:
    """Append one row. action: `noun.verb`, for example `key.create`; details: never secrets."""
    uow.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = uow.session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).first()
    row = AuditRow(
        id=last.id + 1 if last else 1,
        at=uow.now,
        actor_kind=actor.kind,
        actor_name=actor.name,
        action=action,
        target=target,
        details=details or {},
        previous_hash=last.hash if last else "",
    )
    row.hash = _hash(row)
    uow.session.add(row)
    uow.session.flush()


def verify(uow: UnitOfWork) -> tuple[int, int | None]:
    """(rows read, id of the first row that does not fit its chain or None)."""
    previous, expected, count = "", 1, 0
    for row in uow.session.scalars(
        select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=500)
    ):
        if row.id != expected or row.previous_hash != previous or row.hash != _hash(row):
            return count, row.id
        previous, expected, count = row.hash, row.id + 1, count + 1
    return count, None
