"""Rows of the inbox and the outbox under a person's eyes: list, show, replay, discard.

The CLI, the API and the admin pages call these. Only rows at rest are touched: dead ones, and
sends that stay unsure. Replay keeps every key, so nothing can happen twice (reliability.md, 25).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select, text

from crm.core import audit
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.masking import mask_body, mask_text
from crm.core.outbox import EffectDiscarded, OutboxRow
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork

Table = Literal["inbox", "outbox"]
Row = InboxRow | OutboxRow

SECONDS_APART = 0.1  # ten a second
MOST_AT_ONCE = 1000

_SETTLEABLE = {"inbox": ("dead",), "outbox": ("dead", "unsure")}
_REST_STATE = {"inbox": "ignored", "outbox": "cancelled"}

_REPLAY_INBOX = text("""
    UPDATE inbox SET state = 'pending', attempts = 0, errors = 0, lost_leases = 0, done_at = NULL,
        due_at = clock_timestamp() + make_interval(secs => :wait)
    WHERE id = :id""")
# A send that was tried may have arrived, whatever its last answer said: it is looked up first.
_REPLAY_OUTBOX = text("""
    UPDATE outbox SET attempts = 0, errors = 0, lost_leases = 0, done_at = NULL,
        state = CASE WHEN mode = 'send' AND first_tried_at IS NOT NULL THEN 'unsure'
                     ELSE 'pending' END,
        due_at = clock_timestamp() + make_interval(secs => :wait)
    WHERE id = :id""")
_COVERED = text("""
    SELECT EXISTS (SELECT 1 FROM outbox WHERE effect_key = :key AND mode = 'sync'
                   AND state = 'pending')""")


@dataclass(frozen=True)
class Filter:
    """What to look at; None means any. source: sender's source (inbox) or destination (outbox).

    type: event type (inbox) or kind (outbox). sender: inbox only. reason: a part of it.
    since, until: when the row was received or owed; until is exclusive.
    """

    state: str | None = None
    source: str | None = None
    type: str | None = None
    sender: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """matched: rows the filter found, at most MOST_AT_ONCE. changed: 0 in a dry run."""

    matched: int
    changed: int
    ids: list[int]


def listed(
    uow: UnitOfWork,
    table: Table,
    where: Filter,
    *,
    limit: int = 50,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    model = _model(table)
    return page(uow.session, select(model).where(*_conditions(table, where)), [model.id],
                limit=limit, after=after)  # fmt: skip


def show(uow: UnitOfWork, table: Table, row_id: int) -> Row:
    """Raises NotFound."""
    row = uow.session.get(_model(table), row_id)
    if row is None:
        raise NotFound("no such row")
    return row


def masked(row: Row) -> Any:
    """The row's body as staff may see it; None when it is no longer kept."""
    if isinstance(row, OutboxRow):
        return mask_body(row.body)
    if row.body is None:
        return None
    try:
        return mask_body(json.loads(row.body))
    except (ValueError, RecursionError):
        return mask_text(row.body[:200].decode("utf-8", "replace"))


def replay(uow: UnitOfWork, table: Table, row_id: int, actor: Actor) -> Row:
    """Let one row be worked on again. Raises NotFound, Conflict (`not-replayable`)."""
    row = _settleable(uow, table, row_id)
    if row.state != "dead":
        raise Conflict("this row looks itself up and needs no replay", code="not-replayable")
    _replay(uow, table, [row], actor)
    uow.session.refresh(row)
    return row


def discard(uow: UnitOfWork, table: Table, row_id: int, actor: Actor, reason: str) -> Row:
    """Settle one row without doing it. Raises NotFound, Conflict (`not-replayable`)."""
    row = _settleable(uow, table, row_id)
    _discard(uow, table, [row], actor, reason)
    return row


def replay_many(
    uow: UnitOfWork, table: Table, where: Filter, actor: Actor, *, dry_run: bool = False
) -> Outcome:
    """Replay dead rows, oldest first and ten a second. `where.state` is not looked at."""
    rows = _dead(uow, table, where)
    if not dry_run:
        _replay(uow, table, rows, actor)
    return Outcome(len(rows), 0 if dry_run else len(rows), [row.id for row in rows])


def discard_many(
    uow: UnitOfWork,
    table: Table,
    where: Filter,
    actor: Actor,
    reason: str,
    *,
    dry_run: bool = False,
) -> Outcome:
    """Discard dead rows. `where.state` is not looked at."""
    rows = _dead(uow, table, where)
    if not dry_run:
        _discard(uow, table, rows, actor, reason)
    return Outcome(len(rows), 0 if dry_run else len(rows), [row.id for row in rows])


def _model(table: Table) -> type[InboxRow] | type[OutboxRow]:
    return InboxRow if table == "inbox" else OutboxRow


def _conditions(table: Table, where: Filter) -> list[ColumnElement[bool]]:
    inbox = table == "inbox"
    model = _model(table)
    moment = InboxRow.received_at if inbox else OutboxRow.created_at
    found = {
        model.state: where.state,
        InboxRow.source if inbox else OutboxRow.destination: where.source,
        InboxRow.type if inbox else OutboxRow.kind: where.type,
    }
    conditions = [column == value for column, value in found.items() if value is not None]
    if where.sender is not None and inbox:
        conditions.append(InboxRow.sender == where.sender)
    if where.reason is not None:
        conditions.append(func.strpos(model.reason, where.reason) > 0)
    if where.since is not None:
        conditions.append(moment >= where.since)
    if where.until is not None:
        conditions.append(moment < where.until)
    return conditions


def _settleable(uow: UnitOfWork, table: Table, row_id: int) -> Row:
    row = uow.session.get(_model(table), row_id, with_for_update=True)
    if row is None:
        raise NotFound("no such row")
    if row.state not in _SETTLEABLE[table]:
        raise Conflict(f"the row is {row.state}, not dead", code="not-replayable")
    return row


def _dead(uow: UnitOfWork, table: Table, where: Filter) -> list[Row]:
    model = _model(table)
    return list(
        uow.session.scalars(
            select(model)
            .where(*_conditions(table, replace(where, state="dead")))
            .order_by(model.id)
            .limit(MOST_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )


def _replay(uow: UnitOfWork, table: Table, rows: Sequence[Row], actor: Actor) -> None:
    for place, row in enumerate(rows):
        wait = place * SECONDS_APART
        if isinstance(row, InboxRow):
            uow.session.execute(_REPLAY_INBOX, {"id": row.id, "wait": wait})
        elif row.mode == "sync" and uow.session.execute(_COVERED, {"key": row.effect_key}).scalar():
            _settle(row, "a newer sync covers it", uow.now)
            continue
        else:
            uow.session.execute(_REPLAY_OUTBOX, {"id": row.id, "wait": wait})
        if not wait and not row.is_bulk:
            # The others are not due yet: the scheduler's sweep hands them over in their time.
            (uow.new_inbox if table == "inbox" else uow.new_outbox).append(row.id)
    _note(uow, actor, table, "replay", rows, {})


def _discard(uow: UnitOfWork, table: Table, rows: Sequence[Row], actor: Actor, reason: str) -> None:
    for row in rows:
        _settle(row, f"discarded: {reason}", uow.now)
        if isinstance(row, OutboxRow):
            uow.record(EffectDiscarded(row.id, actor, row.effect_key, row.reason))
    _note(uow, actor, table, "discard", rows, {"reason": reason})


def _settle(row: Row, reason: str, at: datetime) -> None:
    row.state = _REST_STATE[row.__tablename__]
    row.reason, row.done_at = reason, at


def _note(
    uow: UnitOfWork, actor: Actor, table: Table, verb: str, rows: Sequence[Row], details: dict
) -> None:
    if not rows:
        return
    uow.session.flush()
    target = f"{table}/{rows[0].id}" if len(rows) == 1 else table
    audit.write(uow, actor, f"{table}.{verb}", target, {**details, "ids": [row.id for row in rows]})
