"""Tables of quotes, their versions and what was decided."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.quotes.rules import QuoteState

_STATES = ", ".join(f"'{state}'" for state in QuoteState)


class Quote(Base):
    """One quote of a repair, through all its versions. version: the present one.

    nudged: how many reminders it caused. expires_at: of the version that was sent.
    """

    __tablename__ = "quotes"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        # Two open offers for one repair could both be accepted.
        Index("uq_quotes_sent", "repair_id", unique=True, postgresql_where=text("state = 'sent'")),
        Index("ix_quotes_repair_id", "repair_id", "id"),
        Index("ix_quotes_customer_id", "customer_id"),
        Index("ix_quotes_waiting", "sent_at", postgresql_where=text("state = 'sent'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    created_by: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column()
    decided_at: Mapped[datetime | None] = mapped_column()
    nudged: Mapped[int] = mapped_column(Integer, server_default="0")

    @property
    def shown_at(self) -> datetime:
        """From when its link counts: a draft may have lain for months."""
        return self.sent_at or self.created_at


class QuoteVersion(Base):
    """What a quote said, never changed. content: see `rules.Content`; digest: of its canonical form."""

    __tablename__ = "quote_versions"

    quote_id: Mapped[int] = mapped_column(ForeignKey("quotes.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content: Mapped[dict] = mapped_column()
    digest: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    created_by: Mapped[str] = mapped_column(Text)


class QuoteDecision(Base):
    """Who decided what, about which version. lines: those that were approved.

    decision: `approved` or `declined`. via: `page`, `thread`, `sms`, `whatsapp` or `staff`. words: the
    sentence that was agreed to, or what the customer wrote. by_kind, by_name: the actor's.
    """

    __tablename__ = "quote_decisions"

    quote_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("quotes.id"), primary_key=True, autoincrement=False
    )
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(Text)
    decision: Mapped[str] = mapped_column(Text)
    option: Mapped[int | None] = mapped_column(Integer)
    lines: Mapped[list] = mapped_column(server_default=text("'[]'"))
    total_minor: Mapped[int | None] = mapped_column(BigInteger)
    by_kind: Mapped[str] = mapped_column(Text)
    by_name: Mapped[str] = mapped_column(Text)
    via: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text, server_default="")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    ip_address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column()
