"""Tables of follow-ups, surveys and the shop's settings for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.followups.rules import KINDS, STATES


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class FollowUp(Base):
    """One message to come, of each kind one a repair; of `custom` any number, with words of staff.

    state: see `rules.STATES`. event_key: of the message that carries it, None before it is
    composed. composed_at: when that was. reason: why it ended.
    """

    __tablename__ = "follow_ups"
    __table_args__ = (
        _one_of("kind", KINDS),
        _one_of("state", STATES),
        CheckConstraint("(kind = 'custom') = (words IS NOT NULL)", name="words"),
        CheckConstraint("kind = 'custom' OR repair_id IS NOT NULL", name="repair"),
        Index("uq_follow_ups_plan", "repair_id", "kind", unique=True,
              postgresql_where=text("kind <> 'custom'")),
        Index("ix_follow_ups_due", "due_at", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_follow_ups_state", "state", "id"),
        Index("ix_follow_ups_repair_id", "repair_id", "id"),
        Index("ix_follow_ups_customer_id", "customer_id", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    words: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column()
    event_key: Mapped[str | None] = mapped_column(Text)
    composed_at: Mapped[datetime | None] = mapped_column()
    sent_at: Mapped[datetime | None] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()


class Survey(Base):
    """How a customer rates one repair: 1 to 5. via: `page` or `chatwoot`.

    technician: whose work it was when it was rated. at: of the first answer; for a day it may be
    changed. ticket_id: opened or raised because of a low mark.
    """

    __tablename__ = "surveys"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        _one_of("via", ("page", "chatwoot")),
        Index("ix_surveys_at", "at", "id"),
        Index("ix_surveys_technician", "technician", "at"),
        Index("ix_surveys_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), unique=True)
    rating: Mapped[int] = mapped_column()
    comment: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    via: Mapped[str] = mapped_column(Text)
    technician: Mapped[str | None] = mapped_column(Text)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[datetime] = mapped_column()
    changed_at: Mapped[datetime] = mapped_column()


class FollowUpSettings(Base):
    """The one row of what the shop wants. kinds: kind -> {is_on, days}."""

    __tablename__ = "follow_up_settings"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    review_url: Mapped[str | None] = mapped_column(Text)
    kinds: Mapped[dict] = mapped_column()
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column()
