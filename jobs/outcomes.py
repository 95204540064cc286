"""What a try at an outbox row came to: recorded with its consequences, if the lease is still ours.

Which row is tried, and how, is left to `relay.py` (reliability.md, rules 11 to 18).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from crm.core.errors import UNDECIDED, Denied, Obsolete, Permanent, Temporary, Uncertain
from crm.core.events import SYSTEM
from crm.core.integration import Deliverer
from crm.core.outbox import SEND, Effect, EffectDied, OutboxRow
from crm.core.uow import UnitOfWork, Units
from jobs import destinations
from jobs.leases import MOST_ERRORS, MOST_LOST_LEASES, POISON
from jobs.retries import Ladder

log = structlog.get_logger(__name__)

POISON_ABSENT = f"{POISON}; looked up and not found"
_RECORD = text("""
    UPDATE outbox SET state = :state, reason = :reason, result = CAST(:result AS jsonb),
        attempts = attempts + :attempt, errors = errors + :error,
        due_at = clock_timestamp() + make_interval(secs => :wait),
        done_at = CASE WHEN :state IN ('done', 'dead', 'cancelled') THEN clock_timestamp() END,
        lease_token = NULL, lease_until = NULL
    WHERE id = :id AND lease_token = :token""")
_END = text("""
    UPDATE outbox SET state = :state, reason = :reason, done_at = clock_timestamp() WHERE id = :id""")


@dataclass(frozen=True)
class Attempt:
    """One try at a leased row. row: as it stood before. is_look_up: after a send in doubt."""

    row: OutboxRow
    effect: Effect
    token: str
    is_look_up: bool


class Outcomes:
    """deliverers: effect kind -> deliverer. settle_seconds: how long an unsure send rests first."""

    def __init__(
        self,
        units: Units,
        deliverers: Mapping[str, Deliverer],
        ladder: Ladder,
        settle_seconds: float,
    ):
        self._units = units
        self._deliverers = deliverers
        self._ladder = ladder
        self._settle_seconds = settle_seconds

    def done(self, attempt: Attempt, result: dict[str, Any]) -> None:
        with self._answered(attempt) as uow:
            if self._write(uow, attempt, "done", None, result=result, attempts=1):
                deliverer = self._deliverers[attempt.row.kind]
                deliverer.on_done(uow, attempt.effect, result)

    def absent(self, attempt: Attempt) -> None:
        """Looked up and not there. One that took its workers along is not sent again."""
        is_poison = attempt.row.lost_leases >= MOST_LOST_LEASES
        with self._answered(attempt) as uow:
            if not is_poison:
                self._write(uow, attempt, "pending", "looked up: not there, sending again")
            elif self._write(uow, attempt, "dead", POISON_ABSENT):
                self._died(uow, attempt.effect, POISON_ABSENT)

    def refused(self, attempt: Attempt, error: Permanent) -> None:
        # Refused to look, we know no more than before whether it arrived.
        code = UNDECIDED if attempt.is_look_up else error.code
        reason = f"{code}: {error.detail}"
        with self._answered(attempt) as uow:
            if self._write(uow, attempt, "dead", reason):
                self._died(uow, attempt.effect, reason)

    def obsolete(self, attempt: Attempt, error: Obsolete) -> None:
        reason = f"{error.code}: {error.detail}"
        with self._unit(attempt) as uow:
            if self._write(uow, attempt, "cancelled", reason):
                self._deliverers[attempt.row.kind].on_cancelled(uow, attempt.effect, reason)

    def postponed(self, attempt: Attempt, error: Temporary | Uncertain) -> None:
        """Back to waiting after a fault of the other side, or dead past the last rung."""
        row = attempt.row
        is_denied = isinstance(error, Denied)
        is_doubtful = isinstance(error, Uncertain)
        costs = is_doubtful or error.costs_attempt
        asked = None if is_doubtful else error.after
        is_unsure = attempt.is_look_up or (is_doubtful and row.mode == SEND)
        state = "unsure" if is_unsure else "pending"
        reason = f"{error.code}: {error.detail}"
        wait = (
            self._ladder.wait(row.attempts + 1, asked=asked)
            if costs
            else (asked or destinations.BUSY_WAIT)
        )
        if is_denied:
            wait = destinations.PAUSE_SECONDS
        elif is_unsure and wait is not None:
            wait = max(wait, self._settle_seconds)
        if wait is None:
            state, wait = "dead", 0
            reason = f"gave up after {row.attempts + 1} tries: {reason}"
        with self._unit(attempt) as uow:
            if is_denied:
                destinations.denied(uow, row.destination, error.detail)
            elif costs:
                destinations.failed(uow, row.destination, reason)
            kept = self._write(uow, attempt, state, reason, wait=wait, attempts=int(costs))
            if kept and state == "dead":
                self._died(uow, attempt.effect, reason)

    def defect(self, attempt: Attempt, error: Exception) -> None:
        """The deliverer itself broke: tried a few times more, since none may be lost."""
        row = attempt.row
        reason = f"deliverer error: {type(error).__name__}"
        dead = row.errors + 1 >= MOST_ERRORS
        # What the defect left behind is unknown: a send is looked up before it is tried again.
        state = "dead" if dead else "unsure" if row.mode == SEND else "pending"
        wait = 0.0 if dead else self._ladder.wait(row.errors + 1) or 0.0
        if state == "unsure":
            wait = max(wait, self._settle_seconds)
        with self._unit(attempt) as uow:
            if self._write(uow, attempt, state, reason, wait=wait, errors=1) and dead:
                self._died(uow, attempt.effect, reason)

    def untried(self, uow: UnitOfWork, effect: Effect, state: str, reason: str) -> None:
        """Settle a row that will not be tried again. state: `dead` or `cancelled`."""
        uow.session.execute(_END, {"id": effect.id, "state": state, "reason": reason})
        log.warning(f"effect {state}", effect=effect.id, kind=effect.kind, reason=reason)
        if state == "dead":
            self._died(uow, effect, reason)
        else:
            self._deliverers[effect.kind].on_cancelled(uow, effect, reason)

    @contextmanager
    def _unit(self, attempt: Attempt) -> Iterator[UnitOfWork]:
        with self._units() as uow:
            uow.is_bulk = attempt.row.is_bulk
            yield uow

    @contextmanager
    def _answered(self, attempt: Attempt) -> Iterator[UnitOfWork]:
        with self._unit(attempt) as uow:
            # Before the row, as in `postponed`: two locks, always taken in the same order.
            destinations.worked(uow, attempt.row.destination)
            yield uow

    def _died(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        self._deliverers[effect.kind].on_dead(uow, effect, reason)
        uow.record(EffectDied(effect.id, SYSTEM, effect.kind))

    @staticmethod
    def _write(
        uow: UnitOfWork,
        attempt: Attempt,
        state: str,
        reason: str | None,
        *,
        result: dict[str, Any] | None = None,
        wait: float = 0.0,
        attempts: int = 0,
        errors: int = 0,
    ) -> bool:
        """Leave `sending`, if the lease is still ours."""
        row = attempt.row
        values = {
            "id": row.id, "token": attempt.token, "state": state, "reason": reason, "wait": wait,
            "attempt": attempts, "error": errors,
            "result": json.dumps(result) if result else None,
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
