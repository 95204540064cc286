"""Tables of the question which repair is meant, and of what was chosen.

Both are kept by talk: a conversation, or what one customer writes by text message (no conversation).
The newest row of a talk counts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

KEY = "which-repair:"


class RepairQuestion(Base):
    """channel: where it was asked. options: references in the order shown. lines: their words.

    repair_id: the answer; None when it was "something else" or nobody answered.
    """

    __tablename__ = "repair_questions"
    __table_args__ = (
        Index("ix_repair_questions_conversation_id", "conversation_id", "id"),
        Index("ix_repair_questions_customer_id", "customer_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    channel: Mapped[str] = mapped_column(Text)
    options: Mapped[list] = mapped_column()
    lines: Mapped[list] = mapped_column()
    asked_at: Mapped[datetime] = mapped_column()
    answered_at: Mapped[datetime | None] = mapped_column()
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))

    @property
    def event_key(self) -> str:
        """Of the message that asks it."""
        return f"{KEY}{self.id}"


class RepairFocus(Base):
    """repair_id: None when an agent said that the talk is about none of them."""

    __tablename__ = "repair_focuses"
    __table_args__ = (
        Index("ix_repair_focuses_conversation_id", "conversation_id", "id"),
        Index("ix_repair_focuses_customer_id", "customer_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    by_agent: Mapped[bool] = mapped_column()
    chosen_by: Mapped[str] = mapped_column(Text)
    chosen_at: Mapped[datetime] = mapped_column()
