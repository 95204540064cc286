"""The inbox: every delivery we acknowledged, stored once before anything acts on it.

Two unique keys stop repeats (reliability.md, rule 3): the sender's delivery key, and a key by
meaning, because Chatwoot repeats an event under a fresh delivery id. Running the rows is left to
`jobs/inbox.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    LargeBinary,
    Select,
    Text,
    false,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.errors import Invalid
from crm.core.events import Event
from crm.core.uow import UnitOfWork

PENDING, RUNNING, DONE, DEAD, IGNORED = "pending", "running", "done", "dead", "ignored"
STATES = (PENDING, RUNNING, DONE, DEAD, IGNORED)


class InboxRow(Base):
    """is_bulk: one of a mass, run behind everything else; what it causes is bulk as well."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("uq_inbox_delivery", "source", "sender", "delivery_key", unique=True),
        Index("uq_inbox_meaning", "source", "sender", "meaning_key", unique=True),
        # One subject has one worker at a time: the database refuses a second.
        Index(
            "uq_inbox_running", "subject", unique=True, postgresql_where=text("state = 'running'")
        ),
        Index(
            "ix_inbox_due", "is_bulk", "due_at", "id", postgresql_where=text("state = 'pending'")
        ),
        Index("ix_inbox_subject_due", "subject", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_inbox_dead", "id", postgresql_where=text("state = 'dead'")),
        # Rows come in the order of this column, so a summary of pages is enough and costs no insert.
        Index("ix_inbox_received_at", "received_at", postgresql_using="brin"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    delivery_key: Mapped[str] = mapped_column(Text)
    meaning_key: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    body_hash: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime | None] = mapped_column()
    received_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    request_id: Mapped[str | None] = mapped_column(Text)
    is_bulk: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    attempts: Mapped[int] = mapped_column(server_default="0")
    errors: Mapped[int] = mapped_column(server_default="0")
    lost_leases: Mapped[int] = mapped_column(server_default="0")
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column()


@dataclass(frozen=True)
class Delivery:
    """One verified delivery.

    source: `chatwoot`, `chatwoot-bot`, `shop`, `self`. sender: whose ids the keys are (hook, key id).
    key: the sender's delivery id. meaning_key: what the event says, or None.
    window_seconds: how long `meaning_key` counts as a repeat; None means as long as keys are kept.
    subject: what must be handled one at a time, for example one conversation.
    strict: True where a known key with another body is the sender's mistake (shops).
    """

    source: str
    sender: str
    type: str
    subject: str
    key: str
    body: bytes
    meaning_key: str | None = None
    window_seconds: int | None = None
    occurred_at: datetime | None = None
    handled: bool = True
    strict: bool = False
    request_id: str | None = None


@dataclass(frozen=True)
class Stored:
    """id: the inbox row, the earlier one when `is_new` is False."""

    id: int
    is_new: bool


@dataclass(frozen=True)
class DeliveryDied(Event):
    """What came in could not be worked on; a person looks at it. what: its source and type."""

    kind: ClassVar[str] = "delivery.died"
    subject_kind: ClassVar[str] = "delivery"
    what: str


_INSERT = text("""
    INSERT INTO inbox (source, sender, type, subject, delivery_key, meaning_key, body, body_hash,
                       occurred_at, request_id, state)
    SELECT :source, :sender, :type, :subject, :key, :meaning, :body, :hash, :occurred_at,
           :request_id, :state
    WHERE CAST(:previous AS text) IS NULL OR NOT EXISTS (
        SELECT 1 FROM inbox WHERE source = :source AND sender = :sender AND meaning_key = :previous
        AND received_at > clock_timestamp() - make_interval(secs => :window))
    ON CONFLICT DO NOTHING
    RETURNING id
""")

_FIND = text("""
    SELECT id, body_hash, delivery_key FROM inbox
    WHERE source = :source AND sender = :sender
      AND (delivery_key = :key OR meaning_key = :meaning OR meaning_key = :previous)
    ORDER BY delivery_key = :key DESC, id DESC LIMIT 1
""")


def store(uow: UnitOfWork, delivery: Delivery) -> Stored:
    """Insert the delivery unless it was seen before, and ring for it after the commit.

    Raises Invalid (`key-reused`) when a strict sender repeats a key with another body.
    """
    body_hash = hashlib.sha256(delivery.body).hexdigest()
    meaning, previous = delivery.meaning_key, None
    if meaning and delivery.window_seconds:
        # A rolling window: the same bucket is stopped by the index, the one before by the look-up.
        bucket = int(uow.now.timestamp() // delivery.window_seconds)
        meaning, previous = f"{meaning}@{bucket}", f"{delivery.meaning_key}@{bucket - 1}"
    values = {
        "source": delivery.source,
        "sender": delivery.sender,
        "type": delivery.type,
        "subject": delivery.subject,
        "key": delivery.key,
        "meaning": meaning,
        "previous": previous,
        "window": delivery.window_seconds or 0,
        "body": delivery.body,
        "hash": body_hash,
        "occurred_at": delivery.occurred_at,
        "request_id": delivery.request_id,
        "state": PENDING if delivery.handled else IGNORED,
    }
    # On the connection itself: the session's own way costs a twentieth of an acknowledgement.
    row_id = uow.connection.execute(_INSERT, values).scalar()
    if row_id is not None:
        if delivery.handled:
            uow.new_inbox.append(row_id)
        return Stored(row_id, True)
    seen = uow.session.execute(_FIND, values).one()
    if delivery.strict and seen.delivery_key == delivery.key and seen.body_hash != body_hash:
        raise Invalid("this webhook-id was used before with another body", code="key-reused")
    return Stored(seen.id, False)


def store_found(uow: UnitOfWork, sender: str, type_: str, found: Select) -> int:
    """Store one delivery of our own (source `self`) for each row of a query, in one statement.

    found: subject, key, body (text) and is_bulk. Nobody is rung for: the scheduler finds them.
    Returns how many were new.
    """
    one = found.subquery()
    body = func.convert_to(one.c.body, "UTF8")
    values = {
        "source": literal("self"),
        "sender": literal(sender),
        "type": literal(type_),
        "subject": one.c.subject,
        "delivery_key": one.c.key,
        "body": body,
        "body_hash": func.encode(func.sha256(body), "hex"),
        "is_bulk": one.c.is_bulk,
        "state": literal(PENDING),
    }
    query = select(*(value.label(name) for name, value in values.items()))
    stored = insert(InboxRow.__table__).from_select(list(values), query).on_conflict_do_nothing()
    counted = {"preserve_rowcount": True}
    return uow.connection.execute(stored, execution_options=counted).rowcount


def forget(uow: UnitOfWork, *, body_days: int = 30, key_days: int = 90) -> int:
    """Drop bodies after 30 days and finished rows, with their keys, after 90 (rule 3).

    Dead rows keep everything until a person settles them. Returns the number of rows changed.
    """
    bodies = uow.session.execute(
        text("""UPDATE inbox SET body = NULL WHERE body IS NOT NULL AND state IN ('done', 'ignored')
                AND received_at < now() - make_interval(days => :days)"""),
        {"days": body_days},
    )
    rows = uow.session.execute(
        text("""DELETE FROM inbox WHERE state IN ('done', 'ignored')
                AND received_at < now() - make_interval(days => :days)"""),
        {"days": key_days},
    )
    return bodies.rowcount + rows.rowcount
