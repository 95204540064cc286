"""The table of disputes, one row for each that the provider tells of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

STATES = ("needs_response", "under_review", "won", "lost")


class Dispute(Base):
    """reason: the bank's word. due_at: until when evidence is taken. ticket_id: the task it is.

    is_booked: whether it fits the payment and is in the ledger; another currency, or more than was
    paid, is left to a person.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN ('needs_response', 'under_review', 'won', 'lost')", name="state"),
        CheckConstraint("(state IN ('won', 'lost')) = (closed_at IS NOT NULL)", name="closed"),
        Index("ix_disputes_payment_id", "payment_id", "id"),
        Index("ix_disputes_state", "state", "id"),
        Index("ix_disputes_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    provider_dispute_id: Mapped[str] = mapped_column(Text, unique=True)
    reason: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    currency: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    is_booked: Mapped[bool] = mapped_column()
    due_at: Mapped[datetime | None] = mapped_column()
    opened_at: Mapped[datetime] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()
