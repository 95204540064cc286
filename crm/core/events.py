"""News of what happened, kept in a table: ticket timelines, audit and analytics read it.

An event is a frozen dataclass in the past tense. It is recorded with `UnitOfWork.record`, written
in the same transaction as the change, and handed to the reactions before the commit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


@dataclass(frozen=True)
class Actor:
    """Who did it. kind: `customer agent staff shop system`; name: shown to staff; id: their own id."""

    kind: str
    name: str
    id: str | None = None


SYSTEM = Actor("system", "Mendline")


@dataclass(frozen=True)
class Event:
    """kind: public name, also used by webhooks and live updates. subject: the thing it is about."""

    kind: ClassVar[str]
    subject_kind: ClassVar[str]
    subject_id: int
    actor: Actor

    def data(self) -> dict[str, Any]:
        fields = asdict(self)
        fields.pop("actor")
        fields.pop("subject_id")
        return fields


class EventRow(Base):
    __tablename__ = "events"
    __table_args__ = (Index("ix_events_subject", "subject_kind", "subject_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[int] = mapped_column(BigInteger)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict] = mapped_column()
    at: Mapped[datetime] = mapped_column()


def row_for(event: Event, at: datetime) -> EventRow:
    return EventRow(
        kind=event.kind,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        actor_kind=event.actor.kind,
        actor_name=event.actor.name,
        actor_id=event.actor.id,
        data=event.data(),
        at=at,
    )
