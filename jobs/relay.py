"""Delivers outbox rows: lease in one short transaction, call with none open, record in another.

What a call came to is recorded by `outcomes.py`. In doubt whether a send left, the row becomes
`unsure` and is looked up before a second try (reliability.md, rules 11 to 18).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from crm.core.errors import Obsolete, Permanent, Temporary, Uncertain
from crm.core.integration import Deliverer
from crm.core.outbox import DOUBTED, Effect, OutboxRow
from crm.core.uow import Units
from jobs import destinations
from jobs.leases import MOST_LOST_LEASES, POISON, POISON_IN_DOUBT, Heartbeat, new_token
from jobs.outcomes import Attempt, Outcomes
from jobs.retries import Ladder

log = structlog.get_logger(__name__)

SWITCHED_OFF_WAIT = 300.0
TOO_LATE = "its deadline has passed"

# What stands before a row in its lane. Only one that is held may be passed over; one that waits for
# its destination may not.
AHEAD = """SELECT 1 FROM outbox ahead WHERE ahead.lane = outbox.lane AND ahead.id < outbox.id
        AND (ahead.state IN ('sending', 'unsure') OR ahead.state = 'pending'
             AND (ahead.held_until IS NULL OR ahead.held_until <= clock_timestamp()))"""
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
_WAIT = text("""
    UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :wait) WHERE id = :id""")
_STAND_ASIDE = text("""
    UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :wait),
        held_until = clock_timestamp() + make_interval(secs => :wait) WHERE id = :id""")


class Relay:
    """deliverers: effect kind -> deliverer. settle_seconds: see `Outcomes`."""

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
        self._lease_seconds = lease_seconds
        self._outcomes = Outcomes(units, deliverers, ladder, settle_seconds)

    def run(self, row_id: int) -> int | None:
        """Deliver one row. Returns the next due row of the same lane, if this one was ours."""
        token = new_token()
        try:
            claimed = self._claim(row_id, token)
        except IntegrityError:
            return None  # its lane is being worked on; that worker goes on to this row
        if claimed is None:
            return None
        lane, attempt = claimed
        if attempt is not None:
            with self._heartbeat.hold("outbox", row_id, token):
                self._carry_out(attempt)
        with self._units() as uow:
            return uow.session.execute(_NEXT, {"lane": lane}).scalar()

    def _claim(self, row_id: int, token: str) -> tuple[str, Attempt | None] | None:
        """The row's lane, and the try its lease allows; None for the try when the row ended here.

        None when the row is not to be had now.
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
            # What may have left is looked up once more before a person is asked.
            is_spared = was_unsure and row.lost_leases == MOST_LOST_LEASES
            if row.lost_leases >= MOST_LOST_LEASES and not is_spared:
                reason = POISON_IN_DOUBT if was_unsure else POISON
                self._outcomes.untried(uow, effect, "dead", reason)
                return row.lane, None
            if is_late and not was_unsure:
                self._outcomes.untried(uow, effect, "cancelled", TOO_LATE)
                return row.lane, None
            try:
                moment = None if was_unsure else deliverer.postponed_until(uow, effect)
            except Obsolete as error:
                reason = f"{error.code}: {error.detail}"
                self._outcomes.untried(uow, effect, "cancelled", reason)
                return row.lane, None
            if moment is not None:
                wait = (moment - uow.now).total_seconds()
                uow.session.execute(_STAND_ASIDE, {"id": row.id, "wait": wait})
                return None
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
                    "context": json.dumps(effect.context),
                },
            )
            return row.lane, Attempt(row, effect, token, was_unsure)

    def _carry_out(self, attempt: Attempt) -> None:
        deliverer, effect = self._deliverers[attempt.row.kind], attempt.effect
        try:
            act = deliverer.look_up if attempt.is_look_up else deliverer.deliver
            result = act(effect)
        except (Temporary, Uncertain) as error:
            self._outcomes.postponed(attempt, error)
        except Permanent as error:
            self._outcomes.refused(attempt, error)
        except Obsolete as error:
            self._outcomes.obsolete(attempt, error)
        except Exception as error:  # a defect of the adapter must end in a state, none may be lost
            log.exception("deliverer error", effect=effect.id, kind=effect.kind)
            self._outcomes.defect(attempt, error)
        else:
            if attempt.is_look_up and result is None:
                self._outcomes.absent(attempt)
            else:
                self._outcomes.done(attempt, result)


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
