"""Tables of tickets, conversations and messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Double, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class TicketStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING_RESPONSE = "waiting_response"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class AuthorKind(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SYSTEM = "system"


class Ticket(Base):
    """ref: `TKT-000001`. source: `chatwoot`, `api`, `sms`, `whatsapp`… rating: 1 to 5."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_customer_id", "customer_id", "id"),
        Index("ix_tickets_status", "status", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    subject: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(Text, server_default=Priority.MEDIUM)
    assignee: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    rating: Mapped[int | None] = mapped_column()
    rating_comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()
    resolved_at: Mapped[datetime | None] = mapped_column()


class Conversation(Base):
    """Our mirror of one conversation, at most one row each and always with a ticket.

    number: the conversation's id within its account. changed_at: the sender's `updated_at` in unix
    seconds, which decides what is stale. last_message_id: the highest we hold; a look-up starts there.
    reconciled_message_id: everything up to it was compared with the other side; a catch-up starts
    there, because a lost message may be older than the last one we hold. is_verified: the person was
    proven by an identity hash. written_labels: the last label sets we wrote, to know their echoes.
    restored_at: when a label of ours that was taken away was last put back.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        Index("ix_conversations_ticket_id", "ticket_id"),
        Index("ix_conversations_customer_id", "customer_id"),
        Index("ix_conversations_contact_id", "account_id", "contact_id"),
        Index("ix_conversations_last_activity_at", "last_activity_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)
    inbox_id: Mapped[int | None] = mapped_column(BigInteger)
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    channel: Mapped[str] = mapped_column(Text, server_default="")
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[str] = mapped_column(Text)
    assignee: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[str | None] = mapped_column(Text)
    labels: Mapped[list] = mapped_column(server_default=text("'[]'"))
    written_labels: Mapped[list] = mapped_column(server_default=text("'[]'"))
    restored_at: Mapped[datetime | None] = mapped_column()
    can_reply: Mapped[bool] = mapped_column(server_default=text("true"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    changed_at: Mapped[float | None] = mapped_column(Double)
    last_message_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    reconciled_message_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_activity_at: Mapped[datetime] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()


class TicketMessage(Base):
    """One message of a thread. external_id: the sender's id, unique; details: answers, edits.

    attachments: list of {name, kind, size, url}; private: never shown to a customer.
    """

    __tablename__ = "ticket_messages"
    __table_args__ = (
        Index("uq_ticket_messages_external_id", "external_id", unique=True),
        Index("ix_ticket_messages_ticket_id", "ticket_id", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    author_kind: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    private: Mapped[bool] = mapped_column()
    attachments: Mapped[list] = mapped_column(server_default=text("'[]'"))
    details: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    external_id: Mapped[str | None] = mapped_column(Text)
    effect_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    deleted_at: Mapped[datetime | None] = mapped_column()

    @property
    def repair(self) -> str | None:
        """Reference of the repair it is about, where that is known; `meant_by` says why."""
        return self.details.get("repair")

    @property
    def meant_by(self) -> str | None:
        return self.details.get("meant_by")
