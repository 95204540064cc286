"""Tables of the passcode box and of who looked into it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Passcode(Base):
    """The code of one repair's device. sealed: {kind, value} under `crm.core.vault.Seal`, None once
    wiped. is_from_chat: spotted in a message, not written down by staff."""

    __tablename__ = "passcodes"
    __table_args__ = (
        CheckConstraint("(sealed IS NULL) = (wiped_at IS NOT NULL)", name="wiped"),
        Index("ix_passcodes_kept", "set_at", postgresql_where=text("wiped_at IS NULL")),
    )

    repair_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("repairs.id"), primary_key=True, autoincrement=False
    )
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_from_chat: Mapped[bool] = mapped_column()
    set_by: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column()
    wiped_at: Mapped[datetime | None] = mapped_column()


class PasscodeLook(Base):
    __tablename__ = "passcode_looks"
    __table_args__ = (Index("ix_passcode_looks_repair_id", "repair_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    actor_name: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    looked_at: Mapped[datetime] = mapped_column()
