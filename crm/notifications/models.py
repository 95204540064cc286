"""The log of messages to customers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class NotificationState(StrEnum):
    """NO_CHANNEL waits for a conversation; QUEUED is owed by the outbox.

    It climbs QUEUED < SENT < DELIVERED < READ (reliability.md, rule 8).
    """

    NO_CHANNEL = "no_channel"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class Notification(Base):
    """event_key: one message per told event. reason: why this channel, or why not sent.

    not_before: until then it may be taken back. deadline_at: afterwards it is no longer worth sending.
    sealed_body: the address and the whole text of a message with a secret in it, which `body` only
    shows masked; gone once it was sent. address: where a channel of its own sends it. refusals:
    channel -> why it would not take the message. external_id: the channel's own name for it.
    short_body: the words for a text message, where there are shorter ones. variables: what the words
    were made of, for templates that others fill. segments, cost_minor: estimated before sending.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_repair_id", "repair_id", "id"),
        Index("ix_notifications_customer_id", "customer_id", "id"),
        Index("ix_notifications_booking_id", "booking_id", "id"),
        Index("ix_notifications_external_id", "external_id"),
        Index("ix_notifications_waiting", "repair_id",
              postgresql_where=text("state = 'no_channel'")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_key: Mapped[str] = mapped_column(Text, unique=True)
    template: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    repair_id: Mapped[int | None] = mapped_column(BigInteger)
    booking_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)
    short_body: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    sealed_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    channel: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    refusals: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    external_id: Mapped[str | None] = mapped_column(Text)
    segments: Mapped[int | None] = mapped_column()
    cost_minor: Mapped[int | None] = mapped_column()
    cost_currency: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    not_before: Mapped[datetime] = mapped_column()
    deadline_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
    settled_at: Mapped[datetime | None] = mapped_column()

    @property
    def effect_key(self) -> str:
        """Of the outbox row that carries it now: each channel that is asked has its own."""
        asked = len(self.refusals or {})
        return f"{self.event_key}:{asked}" if asked else self.event_key
