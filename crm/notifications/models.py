"""Tables of messages to customers, of their wishes for them and of the shop's rules."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum

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


class NotificationState(StrEnum):
    """NO_CHANNEL waits for a conversation; QUEUED is owed by the outbox; SKIPPED was decided so.

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
    SKIPPED = "skipped"


class Notification(Base):
    """event_key: one message per told event. reason: why this channel, or why not sent.
    conversation_id, only_channel: of one that answers where the customer wrote, and goes nowhere else.
    not_before: until then it may be taken back. send_at: when it may leave, moved into hours that
    suit; None before a channel has it. deadline_at: afterwards it is no longer worth sending.
    sealed_body: the address and the whole text of a message with a secret in it, which `body` only
    shows masked; gone once it was sent. address: where a channel of its own sends it. refusals:
    channel -> why it would not take the message. turns: how many channels were given it. external_id:
    the channel's own name for it. short_body: the words for a text message, where there are shorter
    ones. variables: what the words were made of, for templates that others fill. segments,
    cost_minor: estimated before sending.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        # In this order of signs, so that keys are found by their beginning too.
        Index("uq_notifications_event_key", "event_key", unique=True,
              postgresql_ops={"event_key": "text_pattern_ops"}),
        Index("ix_notifications_sealed", "deadline_at",
              postgresql_where=text("sealed_body IS NOT NULL")),
        Index("ix_notifications_repair_id", "repair_id", "id"),
        Index("ix_notifications_customer_id", "customer_id", "id"),
        Index("ix_notifications_booking_id", "booking_id", "id"),
        Index("ix_notifications_external_id", "external_id"),
        Index("ix_notifications_waiting", "repair_id",
              postgresql_where=text("state = 'no_channel'")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_key: Mapped[str] = mapped_column(Text)
    template: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    repair_id: Mapped[int | None] = mapped_column(BigInteger)
    booking_id: Mapped[int | None] = mapped_column(BigInteger)
    conversation_id: Mapped[int | None] = mapped_column(BigInteger)
    only_channel: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    short_body: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    sealed_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    channel: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    refusals: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    turns: Mapped[int] = mapped_column(server_default="0")
    external_id: Mapped[str | None] = mapped_column(Text)
    segments: Mapped[int | None] = mapped_column()
    cost_minor: Mapped[int | None] = mapped_column()
    cost_currency: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    not_before: Mapped[datetime] = mapped_column()
    send_at: Mapped[datetime | None] = mapped_column()
    deadline_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
    settled_at: Mapped[datetime | None] = mapped_column()

    @property
    def effect_key(self) -> str:
        """Of the outbox row that carries it now: each turn has its own."""
        earlier = (self.turns or 1) - 1
        return f"{self.event_key}:{earlier}" if earlier else self.event_key

    @staticmethod
    def event_keys(effect_key: str) -> tuple[str, str]:
        """Of which message this effect may be: after the first turn its key has one part more."""
        return effect_key, effect_key.rpartition(":")[0]

    def drop_secret(self) -> None:
        """It is good for one sending; without its address the masked text is never sent instead."""
        if self.sealed_body is not None:
            self.sealed_body = self.address = None


class CommunicationPreferences(Base):
    """What a customer wishes of our messages; of several rows, after a merge, the newest counts.

    channels, blocked: names of `rules.CHANNELS`. hours_from, hours_to: on the shop's clock.
    marketing_at, marketing_by: when that was said, and to whom.
    """

    __tablename__ = "communication_preferences"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    channels: Mapped[list] = mapped_column()
    blocked: Mapped[list] = mapped_column()
    hours_from: Mapped[time | None] = mapped_column()
    hours_to: Mapped[time | None] = mapped_column()
    frequency: Mapped[str] = mapped_column(Text)
    marketing: Mapped[bool | None] = mapped_column()
    marketing_at: Mapped[datetime | None] = mapped_column()
    marketing_by: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column()
    updated_by: Mapped[str] = mapped_column(Text)


class NotificationRule(Base):
    """What the shop changed about one message. locale: empty for every language."""

    __tablename__ = "notification_rules"

    template: Mapped[str] = mapped_column(Text, primary_key=True)
    locale: Mapped[str] = mapped_column(Text, primary_key=True)
    is_on: Mapped[bool] = mapped_column()
    is_quiet: Mapped[bool] = mapped_column()
    channels: Mapped[list] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()
    updated_by: Mapped[str] = mapped_column(Text)


class NotificationSettings(Base):
    """The one row of the shop's quiet hours, on its clock; both None: there are none."""

    __tablename__ = "notification_settings"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quiet_from: Mapped[time | None] = mapped_column()
    quiet_to: Mapped[time | None] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()
    updated_by: Mapped[str] = mapped_column(Text)
