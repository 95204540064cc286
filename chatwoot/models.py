"""What we remember of Chatwoot beside the conversations themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class ContactMirror(Base):
    """The attributes last written to a contact, so that only changes are written."""

    __tablename__ = "chatwoot_contacts"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    pushed: Mapped[dict] = mapped_column()
    pushed_at: Mapped[datetime] = mapped_column()


class HookPin(Base):
    """A webhook address that has shown a valid signature and must go on showing one (rule 29)."""

    __tablename__ = "chatwoot_hooks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    pinned_at: Mapped[datetime] = mapped_column()


class ReconcileRun(Base):
    """One comparison with Chatwoot. watermark_at: everything before it was compared.

    found: webhooks that never reached us.
    """

    __tablename__ = "reconcile_runs"
    __table_args__ = (Index("ix_reconcile_runs_started_at", "started_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    watermark_at: Mapped[datetime | None] = mapped_column()
    conversations: Mapped[int] = mapped_column(server_default="0")
    found: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
