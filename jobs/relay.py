"""Delivers outbox rows: lease in one short transaction, call with none open, record in another.

In doubt whether a send left, the row becomes `unsure` and is looked up before a second try
(reliability.md, rules 11 to 18).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from crm.core.errors import UNDECIDED, Denied, Permanent, Temporary, Uncertain
from crm.core.events import SYSTEM
from crm.core.integration import Deliverer
from crm.core.outbox import DOUBTED, SEND, Effect, EffectDied, OutboxRow
from crm.core.uow import UnitOfWork, Units
from jobs import destinations
from jobs.leases import MOST_ERRORS, MOST_LOST_LEASES, POISON, Heartbeat, new_token
from jobs.retries import Ladder

log = structlog.get_logger(__name__)

SWITCHED_OFF_WAIT = 300.0
TOO_LATE = "its deadline has passed"

# What stands before a row in its lane. Only one whose hold has not run out may be passed over;
# one that waits for its destination may not.
AHEAD = """SELECT 1 FROM outbox ahead WHERE ahead.lane = outbox.lane AND ahead.id < outbox.id
        AND (ahead.state IN ('sending', 'unsure') OR ahead.state = 'pending'
             AND (ahead.first_tried_at IS NOT NULL OR ahead.held_until IS NULL
                  OR ahead.held_until <= clock_timestamp()))"""
_LANE_IS_FREE = text(f"SELECT NOT EXISTS ({AHEAD}) FROM outbox WHERE id = :id")
_NEXT = text("""
    SELECT id FROM outbox WHERE lane = :lane AND state IN ('pending', 'unsure')
      AND due_at <= clock_timestamp() ORDER BY id LIMIT 1""")
_LEASE = text("""
    UPDATE outbox SET state = 'sending', lease_token = :token,
        lease_until = clock_timestamp() + make_interval(secs => :seconds),
        first_tried_at = COALESCE(first_tried_at, clock_timestamp()),
        tried_at = CASE WHEN :looks_up THEN tried_at ELSE clock_timestamp() END,
        context = CAST(:context AS jsonb)
    WHERE id = :id""")
_RECORD = text("""
    UPDATE outbox SET state = :state, reason = :reason, result = CAST(:result AS jsonb),
        attempts = attempts + :attempt, errors = errors + :error,
        due_at = clock_timestamp() + make_interval(secs => :wait),
        done_at = CASE WHEN :state IN ('done', 'dead', 'cancelled') THEN clock_timestamp() END,
        lease_token = NULL, lease_until = NULL
    WHERE id = :id AND lease_token = :token""")
_WAIT = text("""
    UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :wait) WHERE id = :id""")
_STAND_ASIDE = text("""
    UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :wait),
        held_until = clock_timestamp() + make_interval(secs => :wait) WHERE id = :id""")
_END = text("""
    UPDATE outbox SET state = :state, reason = :reason, done_at = clock_timestamp() WHERE id = :id""")


class Relay:
    """deliverers: effect kind -> deliverer. settle_seconds: how long an unsure send rests first."""

    def __init__(
        self,
        units: Units,
        deliverers: Mapping[str, Deliverer],
        heartbeat: Heartbeat,
        ladder: Ladder,
        *,
        lease_seconds: float,
        settle_seconds: float,
    ):
        self._units = units
        self._deliverers = deliverers
        self._heartbeat = heartbeat
        self._ladder = ladder
        self._lease_seconds = lease_seconds
        self._settle_seconds = settle_seconds

    def run(self, row_id: int) -> int | None:
        """Deliver one row. Returns the next due row of the same lane, if this one was ours."""
        token = new_token()
        try:
            claimed = self._claim(row_id, token)
        except IntegrityError:
            return None  # its lane is being worked on; that worker goes on to this row
        if claimed is None:
            return None
        row, was_unsure, effect = claimed
        if effect is not None:
            with self._heartbeat.hold("outbox", row_id, token):
                self._carry_out(row, effect, token, was_unsure)
        with self._units() as uow:
            return uow.session.execute(_NEXT, {"lane": row.lane}).scalar()

    def _claim(self, row_id: int, token: str) -> tuple[OutboxRow, bool, Effect | None] | None:
        """The leased row, whether it must be looked up first, and what to deliver.

        None when the row is not to be had now; an effect of None when it ended here.
        """
        with self._units() as uow:
            found = uow.session.execute(
                select(OutboxRow, OutboxRow.deadline_at < func.clock_timestamp())
                .where(
                    OutboxRow.id == row_id,
                    OutboxRow.state.in_(("pending", "unsure")),
                    OutboxRow.due_at <= text("clock_timestamp()"),
                )
                .with_for_update(skip_locked=True)
            ).first()
            if found is None:
                return None
            row, is_late = found
            uow.session.expunge(row)
            uow.is_bulk = row.is_bulk
            if not uow.session.execute(_LANE_IS_FREE, {"id": row.id}).scalar():
                return None
            deliverer = self._deliverers.get(row.kind)
            if deliverer is None:
                # Its integration is switched off: the row waits for it, costs no attempt, and lets
                # the others of its lane pass.
                uow.session.execute(_STAND_ASIDE, {"id": row.id, "wait": SWITCHED_OFF_WAIT})
                return None
            effect = _effect(row)
            was_unsure = row.state == "unsure"
            if row.lost_leases >= MOST_LOST_LEASES:
                self._end(uow, effect, "dead", POISON)
                self._died(uow, effect, POISON)
                return row, was_unsure, None
            if is_late and not was_unsure:
                self._end(uow, effect, "cancelled", TOO_LATE)
                deliverer.on_cancelled(uow, effect, TOO_LATE)
                return row, was_unsure, None
            wait = destinations.wait_for_place(uow, row.destination, is_bulk=row.is_bulk)
            if wait:
                uow.session.execute(_WAIT, {"id": row.id, "wait": wait})
                return None
            if row.first_tried_at is None:
                effect = _effect(row, deliverer.before_first_try(uow, effect))
            elif was_unsure:
                effect = _effect(row, {**row.context, DOUBTED: True})
            uow.session.execute(
                _LEASE,
                {
                    "id": row.id,
                    "token": token,
                    "seconds": self._lease_seconds,
                    "looks_up": was_unsure,
                    "context": _json(effect.context),
                },
            )
            return row, was_unsure, effect

    @staticmethod
    def _end(uow: UnitOfWork, effect: Effect, state: str, reason: str) -> None:
        """Settle a row that will not be tried again."""
        uow.session.execute(_END, {"id": effect.id, "state": state, "reason": reason})
        log.warning(f"effect {state}", effect=effect.id, kind=effect.kind, reason=reason)

    def _died(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        self._deliverers[effect.kind].on_dead(uow, effect, reason)
        uow.record(EffectDied(effect.id, SYSTEM, effect.kind))

    def _carry_out(self, row: OutboxRow, effect: Effect, token: str, was_unsure: bool) -> None:
        deliverer = self._deliverers[row.kind]
        try:
            if was_unsure:
                result = deliverer.look_up(effect)
                if result is None:
                    self._record(row, token, "pending", "looked up: not there, sending again")
                    return
            else:
                result = deliverer.deliver(effect)
        except Denied as error:
            self._fault(row, token, "unsure" if was_unsure else "pending", error, denied=True)
        except Uncertain as error:
            self._fault(row, token, self._after_doubt(row, was_unsure), error)
        except Temporary as error:
            self._fault(row, token, "unsure" if was_unsure else "pending", error)
        except Permanent as error:
            # Refused to look, we know no more than before whether it arrived.
            code = UNDECIDED if was_unsure else error.code
            self._record(row, token, "dead", f"{code}: {error.detail}", effect=effect)
        except Exception as error:  # a defect of the adapter must end in a state, none may be lost
            log.exception("deliverer error", effect=row.id, kind=row.kind)
            self._defect(row, token, effect, error)
        else:
            self._record(row, token, "done", None, effect=effect, result=result)

    @staticmethod
    def _after_doubt(row: OutboxRow, was_unsure: bool) -> str:
        return "unsure" if was_unsure or row.mode == SEND else "pending"

    def _fault(
        self,
        row: OutboxRow,
        token: str,
        state: str,
        error: Temporary | Uncertain,
        denied: bool = False,
    ) -> None:
        """Back to waiting after a fault of the other side, or dead past the last rung."""
        costs = isinstance(error, Uncertain) or error.costs_attempt
        asked = getattr(error, "after", None)
        reason = f"{error.code}: {error.detail}"
        wait = (
            self._ladder.wait(row.attempts + 1, asked=asked)
            if costs
            else (asked or destinations.BUSY_WAIT)
        )
        if denied:
            wait = destinations.PAUSE_SECONDS
        elif state == "unsure" and wait is not None:
            wait = max(wait, self._settle_seconds)
        if wait is None:
            state, wait = "dead", 0
            reason = f"gave up after {row.attempts + 1} tries: {reason}"
        with self._units() as uow:
            uow.is_bulk = row.is_bulk
            if denied:
                destinations.denied(uow, row.destination, error.detail)
            elif costs:
                destinations.failed(uow, row.destination, reason)
            kept = self._write(uow, row, token, state, reason, wait=wait, attempt=int(costs))
            if kept and state == "dead":
                self._died(uow, _effect(row), reason)

    def _defect(self, row: OutboxRow, token: str, effect: Effect, error: Exception) -> None:
        reason = f"deliverer error: {type(error).__name__}"
        dead = row.errors + 1 >= MOST_ERRORS
        # What the defect left behind is unknown: a send is looked up before it is tried again.
        state = "dead" if dead else "unsure" if row.mode == SEND else "pending"
        wait = 0.0 if dead else self._ladder.wait(row.errors + 1) or 0.0
        if state == "unsure":
            wait = max(wait, self._settle_seconds)
        with self._units() as uow:
            uow.is_bulk = row.is_bulk
            kept = self._write(uow, row, token, state, reason, wait=wait, error=1)
            if kept and dead:
                self._died(uow, effect, reason)

    def _record(
        self,
        row: OutboxRow,
        token: str,
        state: str,
        reason: str | None,
        *,
        effect: Effect | None = None,
        result: dict[str, Any] | None = None,
    ) -> None:
        with self._units() as uow:
            uow.is_bulk = row.is_bulk
            # Before the row, as in `_fault`: two locks, always taken in the same order.
            destinations.worked(uow, row.destination)
            kept = self._write(
                uow, row, token, state, reason, result=result, attempt=int(state == "done")
            )
            deliverer = self._deliverers[row.kind]
            if not kept or effect is None:
                return
            if state == "done":
                deliverer.on_done(uow, effect, result or {})
            elif state == "dead":
                self._died(uow, effect, reason or "")

    def _write(
        self,
        uow: UnitOfWork,
        row: OutboxRow,
        token: str,
        state: str,
        reason: str | None,
        *,
        result: dict[str, Any] | None = None,
        wait: float = 0.0,
        attempt: int = 0,
        error: int = 0,
    ) -> bool:
        """Leave `sending`, if the lease is still ours."""
        values = {
            "id": row.id, "token": token, "state": state, "reason": reason, "wait": wait,
            "attempt": attempt, "error": error, "result": _json(result) if result else None,
        }  # fmt: skip
        try:
            with uow.session.begin_nested():
                kept = uow.session.execute(_RECORD, values).rowcount == 1
        except IntegrityError:
            # Only a waiting sync of the same key can be in the way: it carries this one's news.
            state = "cancelled"
            values |= {"state": state, "reason": "a newer sync covers it", "wait": 0.0}
            kept = uow.session.execute(_RECORD, values).rowcount == 1
        level = 20 if state == "done" else 30
        log.log(
            level,
            f"effect {state if kept else 'lease lost'}",
            effect=row.id,
            kind=row.kind,
            reason=reason,
        )
        return kept


def _effect(row: OutboxRow, context: dict[str, Any] | None = None) -> Effect:
    return Effect(
        id=row.id,
        kind=row.kind,
        mode=row.mode,
        effect_key=row.effect_key,
        body=row.body,
        context=row.context if context is None else context,
        first_tried_at=row.first_tried_at,
    )


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value)
