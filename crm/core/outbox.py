"""The outbox: every effect we owe the outside, committed with the change that causes it.

Two modes (design.md, "The one way out"): a `send` carries frozen words or money and happens once per
effect key; a `sync` says "make the other side look like us", holds an id only, and waiting syncs of
one id merge. Delivering the rows is left to `jobs/relay.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Identity, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.errors import Permanent
from crm.core.events import Event
from crm.core.uow import UnitOfWork

PENDING, SENDING, DONE, UNSURE, DEAD, CANCELLED = (
    "pending", "sending", "done", "unsure", "dead", "cancelled",
)  # fmt: skip
STATES = (PENDING, SENDING, DONE, UNSURE, DEAD, CANCELLED)
SEND, SYNC = "send", "sync"
# Noted in the context of a send that was in doubt once.
DOUBTED = "doubted"


class OutboxRow(Base):
    """due_at moves with every wait. held_until: until then what was owed after it in its lane need
    not wait for it; every other wait keeps the order of the lane. What was never tried may be taken
    back.
    is_bulk: one of a mass; `jobs/bulk.py` alone sends it, at a rate and behind everything else.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("uq_outbox_send", "effect_key", unique=True, postgresql_where=text("mode = 'send'")),
        Index(
            "uq_outbox_sync",
            "effect_key",
            unique=True,
            postgresql_where=text("mode = 'sync' AND state = 'pending'"),
        ),
        # One lane has one sender at a time: the database refuses a second.
        Index("uq_outbox_sending", "lane", unique=True, postgresql_where=text("state = 'sending'")),
        Index(
            "ix_outbox_due",
            "is_bulk",
            "due_at",
            "id",
            postgresql_where=text("state IN ('pending', 'unsure')"),
        ),
        Index(
            "ix_outbox_lane",
            "lane",
            "id",
            postgresql_where=text("state IN ('pending', 'sending', 'unsure')"),
        ),
        Index("ix_outbox_dead", "id", postgresql_where=text("state = 'dead'")),
        Index("ix_outbox_done_at", "done_at"),
        Index(
            "ix_outbox_webhooks",
            "destination",
            "id",
            postgresql_where=text("kind = 'webhooks.post'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    effect_key: Mapped[str] = mapped_column(Text)
    destination: Mapped[str] = mapped_column(Text)
    lane: Mapped[str] = mapped_column(Text)
    body: Mapped[dict] = mapped_column()
    is_bulk: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[str] = mapped_column(Text, server_default=PENDING)
    due_at: Mapped[datetime] = mapped_column()
    held_until: Mapped[datetime | None] = mapped_column()
    deadline_at: Mapped[datetime | None] = mapped_column()
    attempts: Mapped[int] = mapped_column(server_default="0")
    errors: Mapped[int] = mapped_column(server_default="0")
    lost_leases: Mapped[int] = mapped_column(server_default="0")
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column()
    first_tried_at: Mapped[datetime | None] = mapped_column()
    tried_at: Mapped[datetime | None] = mapped_column()
    context: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    reason: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
    done_at: Mapped[datetime | None] = mapped_column()

    @property
    def may_have_left(self) -> bool:
        """Whether nobody can tell if it was sent; a plain refusal tells that it was not."""
        was_refused = (self.reason or "").startswith(f"{Permanent.code}:")
        in_doubt = self.state == DEAD and DOUBTED in self.context and not was_refused
        return self.mode == SEND and (self.state == UNSURE or in_doubt)


@dataclass(frozen=True)
class Effect:
    """What the relay hands to a deliverer.

    context: what was noted before the first try, for a later look-up (for example the highest
    message id known then). first_tried_at: None before the first try.
    """

    id: int
    kind: str
    mode: str
    effect_key: str
    body: dict[str, Any]
    context: dict[str, Any] = field(default_factory=dict)
    first_tried_at: datetime | None = None


@dataclass(frozen=True)
class EffectDiscarded(Event):
    """A person settled an effect without doing it."""

    kind: ClassVar[str] = "effect.discarded"
    subject_kind: ClassVar[str] = "effect"
    effect_key: str
    reason: str


@dataclass(frozen=True)
class EffectDied(Event):
    """An effect was given up; a person looks at it. what: its kind."""

    kind: ClassVar[str] = "effect.died"
    subject_kind: ClassVar[str] = "effect"
    what: str


_ADD = text("""
    INSERT INTO outbox (kind, mode, effect_key, destination, lane, body, is_bulk, due_at,
                        held_until, deadline_at, created_at)
    VALUES (:kind, :mode, :effect_key, :destination, :lane, CAST(:body AS jsonb), :is_bulk,
            clock_timestamp() + make_interval(secs => :hold),
            CASE WHEN :hold > 0 THEN clock_timestamp() + make_interval(secs => :hold) END,
            clock_timestamp() + make_interval(secs => CAST(:deadline AS double precision)), :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
# Locked, so that nobody starts it before this unit's change can be seen.
_WAITING_SYNC = text("""
    SELECT id FROM outbox WHERE effect_key = :effect_key AND mode = 'sync' AND state = 'pending'
    FOR KEY SHARE""")


def send(
    uow: UnitOfWork,
    kind: str,
    effect_key: str,
    body: dict[str, Any],
    *,
    lane: str,
    hold: timedelta = timedelta(),
    deadline: timedelta | None = None,
    destination: str | None = None,
) -> int | None:
    """Owe one effect. Returns the row id, or None when this effect key was owed before.

    kind: `<destination>.<what>`. hold: how long it waits and may be taken back.
    deadline: counted from now; past it the row is cancelled instead of sent. destination: where one
    kind goes to many, each with a breaker of its own. What a bulk unit owes has lanes of its own, so
    that nothing else waits in line behind it.
    """
    return _add(uow, SEND, kind, effect_key, body, lane, hold, deadline, destination)


def sync(uow: UnitOfWork, kind: str, key: str, body: dict[str, Any]) -> int:
    """Owe a "look like us". Returns the row id, an earlier one's where a waiting sync covers it."""
    effect_key = f"{kind}:{key}"
    while True:
        row_id = _add(uow, SYNC, kind, effect_key, body, effect_key, timedelta(), None)
        if row_id is not None:
            return row_id
        row_id = uow.session.execute(_WAITING_SYNC, {"effect_key": effect_key}).scalar()
        if row_id is not None:
            # A worker that came by meanwhile has passed it over.
            uow.new_outbox.append(row_id)
            return row_id


def _add(
    uow: UnitOfWork,
    mode: str,
    kind: str,
    effect_key: str,
    body: dict[str, Any],
    lane: str,
    hold: timedelta,
    deadline: timedelta | None,
    destination: str | None = None,
) -> int | None:
    # Syncs merge, and what one of a mass asked for may be the very news of somebody else.
    is_bulk = uow.is_bulk and mode == SEND
    row_id = uow.session.execute(
        _ADD,
        {
            "kind": kind,
            "mode": mode,
            "effect_key": effect_key,
            "destination": destination or kind.split(".")[0],
            "lane": f"{lane}:bulk" if is_bulk else lane,
            "body": json.dumps(body),
            "is_bulk": is_bulk,
            "hold": hold.total_seconds(),
            "deadline": deadline.total_seconds() if deadline else None,
            "now": uow.now,
        },
    ).scalar()
    if row_id is not None and not hold and not is_bulk:
        uow.new_outbox.append(row_id)
    return row_id


def cancel(uow: UnitOfWork, effect_key: str, reason: str) -> bool:
    """Take back a send that has not left. True if it was still waiting and never tried."""
    changed = uow.session.execute(
        text("""UPDATE outbox SET state = 'cancelled', reason = :reason, done_at = :now
                WHERE effect_key = :key AND mode = 'send' AND state = 'pending'
                  AND first_tried_at IS NULL"""),
        {"key": effect_key, "reason": reason, "now": uow.now},
    )
    return changed.rowcount == 1


def release(uow: UnitOfWork, effect_key: str) -> bool:
    """End the hold of a send: it may go now, before what is owed from here on. False if it was none."""
    row_id = uow.session.execute(
        text("""UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL
                WHERE effect_key = :key AND mode = 'send' AND state = 'pending'
                  AND held_until > clock_timestamp() AND first_tried_at IS NULL
                RETURNING id"""),
        {"key": effect_key},
    ).scalar()
    if row_id is not None:
        uow.new_outbox.append(row_id)
    return row_id is not None


def settle(uow: UnitOfWork, effect_key: str, result: dict[str, Any]) -> bool:
    """Close an unsure send because its effect was seen over there (its echo came back).

    A row that is `sending` right now is left to its own worker. True if a row was closed.
    """
    changed = uow.session.execute(
        text("""UPDATE outbox SET state = 'done', reason = 'seen over there', done_at = :now,
                       result = CAST(:result AS jsonb)
                WHERE effect_key = :key AND mode = 'send'
                  AND (state = 'unsure' OR (state = 'pending' AND first_tried_at IS NOT NULL))"""),
        {"key": effect_key, "now": uow.now, "result": json.dumps(result)},
    )
    return changed.rowcount == 1


def close_dead(uow: UnitOfWork, effect_key: str, reason: str) -> None:
    """Settle a dead send that another one stands for now, so that nobody replays it."""
    uow.session.execute(
        text("""UPDATE outbox SET state = 'cancelled', reason = 'discarded: ' || :reason,
                       done_at = :now
                WHERE effect_key = :key AND mode = 'send' AND state = 'dead'"""),
        {"key": effect_key, "reason": reason, "now": uow.now},
    )


def forget(uow: UnitOfWork, *, days: int = 90) -> int:
    """Drop settled rows and their keys after 90 days. Dead rows stay until a person settles them."""
    return uow.session.execute(
        text("""DELETE FROM outbox WHERE state IN ('done', 'cancelled')
                AND done_at < now() - make_interval(days => :days)"""),
        {"days": days},
    ).rowcount
