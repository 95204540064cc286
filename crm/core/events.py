"""News of what happened, kept in a table: ticket timelines, audit and analytics read it.

An event is a frozen dataclass in the past tense. It is recorded with `UnitOfWork.record`, written
in the same transaction as the change, and handed to the reactions before the commit. Events of a
live kind are also announced to every process that listens (`bridge/live.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.db import Base

CHANNEL = "mendline_events"
_ANNOUNCE = text("""
    SELECT pg_notify(:channel, subject) FROM unnest(CAST(:subjects AS text[])) AS subject""")


@dataclass(frozen=True)
class Actor:
    """Who did it. kind: `customer agent staff shop system`; name: shown to staff; id: their own id."""

    kind: str
    name: str
    id: str | None = None


SYSTEM = Actor("system", "Mendline")


@dataclass(frozen=True)
class Event:
    """kind: public name, also used by webhooks and live updates. subject: the thing it is about.

    is_live: open pages about the subject hear of it at once.
    """

    kind: ClassVar[str]
    subject_kind: ClassVar[str]
    is_live: ClassVar[bool] = False
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


def announce(session: Session, subjects: Iterable[tuple[str, int | str]]) -> None:
    """Tell listeners, once this transaction is committed, which things there is news of.

    subjects: (subject_kind, subject_id). A notice carries `repair:17` and nothing about it: what is
    new is read from the tables, so a lost notice loses nothing.
    """
    names = [f"{kind}:{subject_id}" for kind, subject_id in subjects]
    session.execute(_ANNOUNCE, {"channel": CHANNEL, "subjects": names})
