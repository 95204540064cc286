"""Tombstones: what was erased and must not come back from the other side."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import BigInteger, Identity, Text, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.uow import UnitOfWork


class Tombstone(Base):
    """digest: SHA-256 of a name the other side gives it, such as `conversation:1:55`.

    Addresses leave none: who comes back under the same one is a new customer.
    """

    __tablename__ = "tombstones"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    erased_at: Mapped[datetime] = mapped_column()


def bury(uow: UnitOfWork, names: set[str]) -> None:
    for name in sorted(names):
        row = insert(Tombstone).values(digest=_digest(name), erased_at=uow.now)
        uow.session.execute(row.on_conflict_do_nothing())


def is_buried(uow: UnitOfWork, *names: str) -> bool:
    digests = [_digest(name) for name in names]
    return bool(uow.session.scalar(select(exists().where(Tombstone.digest.in_(digests)))))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
