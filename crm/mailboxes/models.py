"""Table of e-mail addresses that something is known about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class MailboxState(StrEnum):
    OK = "ok"
    UNDELIVERABLE = "undeliverable"


class Mailbox(Base):
    """digest: SHA-256 of the address as `customers.rules.email_key` spells it. since, reason: of the
    state."""

    __tablename__ = "mailboxes"
    __table_args__ = (CheckConstraint("state IN ('ok', 'undeliverable')", name="state"),)

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column()
