"""Runs inbox rows: claim, hand to the handler, mark done, all guarded by a lease.

A handler's work and the `done` mark commit together, so a crash anywhere leaves the row waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, TimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import TextClause

from crm.core import clock
from crm.core.errors import Refusal, Temporary, UnknownParent
from crm.core.events import SYSTEM
from crm.core.inbox import DEAD, PENDING, DeliveryDied, InboxRow
from crm.core.integration import Handler
from crm.core.uow import DATABASE_FAULTS, Units
from jobs.leases import MOST_ERRORS, Heartbeat, new_token
from jobs.retries import Ladder

log = structlog.get_logger(__name__)

PARENT_PATIENCE_SECONDS = 24 * 3600.0
PARENT_LOOK_SECONDS = 60.0
AWAY_WAIT = 1.0
RACE_WAIT = 0.2

# The oldest due row of the subject, whichever row was rung for: rings may overtake each other.
_CLAIM = text("""
    UPDATE inbox SET state = 'running', lease_token = :token, attempts = attempts + 1,
        lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = (SELECT id FROM inbox WHERE subject = (SELECT subject FROM inbox WHERE id = :id)
                AND state = 'pending' AND due_at <= clock_timestamp()
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *""")
_CLAIMED = select(InboxRow).from_statement(_CLAIM)
_NEXT = text("""
    SELECT id FROM inbox WHERE subject = :subject AND state = 'pending' AND due_at <= clock_timestamp()
    ORDER BY id LIMIT 1""")
_FINISH = text("""
    UPDATE inbox SET state = 'done', done_at = clock_timestamp(), lease_token = NULL,
        lease_until = NULL, reason = NULL
    WHERE id = :id AND lease_token = :token""")
# What waited for a parent looks again as soon as more is known about its subject.
_WAKE = text("""
    UPDATE inbox SET due_at = clock_timestamp() WHERE subject = :subject AND state = 'pending'
        AND due_at > clock_timestamp() AND starts_with(reason, :parked)""")
_PUT_BACK = text("""
    UPDATE inbox SET state = :state, reason = :reason, errors = errors + :error,
        due_at = clock_timestamp() + make_interval(secs => :wait),
        done_at = CASE WHEN :state = 'dead' THEN clock_timestamp() END,
        lease_token = NULL, lease_until = NULL
    WHERE id = :id AND lease_token = :token""")


class LeaseLost(Exception):
    """Another worker took the row over; nothing of this run may be kept."""


@dataclass(frozen=True)
class Verdict:
    state: str
    reason: str
    wait: float = 0.0
    is_error: bool = False


class InboxRunner:
    """handlers: (source, type) -> handler."""

    def __init__(
        self,
        units: Units,
        handlers: Mapping[tuple[str, str], Handler],
        heartbeat: Heartbeat,
        ladder: Ladder,
        *,
        lease_seconds: float,
    ):
        self._units = units
        self._handlers = handlers
        self._heartbeat = heartbeat
        self._ladder = ladder
        self._lease_seconds = lease_seconds

    def run(self, row_id: int) -> int | None:
        """Run the oldest due row of this row's subject. Returns the next one, if one was ours."""
        token = new_token()
        try:
            with self._units() as uow:
                claim = {"id": row_id, "token": token, "seconds": self._lease_seconds}
                claimed = uow.session.scalars(_CLAIMED, claim).first()
                if claimed is not None:
                    uow.session.expunge(claimed)
        except IntegrityError:
            return None  # its subject is being worked on; that worker goes on to this row
        if claimed is None:
            return None
        with self._heartbeat.hold("inbox", claimed.id, token):
            return self._work(claimed, token)

    def _work(self, row: InboxRow, token: str) -> int | None:
        """Returns the next due row of the same subject."""
        following = None
        try:
            with self._units() as uow:
                uow.is_bulk = row.is_bulk
                self._handlers[row.source, row.type](uow, row)
                uow.react()
                if not _changed(uow.session, _FINISH, {"id": row.id, "token": token}):
                    raise LeaseLost
                subject = {"subject": row.subject}
                uow.session.execute(_WAKE, subject | {"parked": UnknownParent.code})
                following = uow.session.execute(_NEXT, subject).scalar()
            log.info("inbox done", delivery=row.id, source=row.source, type=row.type)
        except LeaseLost:
            log.warning("inbox lease lost", delivery=row.id)
        except Exception as error:  # every fault of a handler must end in a state, none may be lost
            return self._put_back(row, token, error)
        return following

    def _put_back(self, row: InboxRow, token: str, error: Exception) -> int | None:
        """Returns the next due row of the same subject."""
        verdict = self._judge(row, error)
        values = {
            "id": row.id,
            "token": token,
            "state": verdict.state,
            "reason": verdict.reason,
            "wait": verdict.wait,
            "error": int(verdict.is_error),
        }
        with self._units() as uow:
            kept = _changed(uow.session, _PUT_BACK, values)
            if kept and verdict.state == DEAD:
                uow.record(DeliveryDied(row.id, SYSTEM, f"{row.source} {row.type}"))
            following = uow.session.execute(_NEXT, {"subject": row.subject}).scalar()
        log.log(
            40 if verdict.is_error else 30,
            f"inbox {verdict.state if kept else 'lease lost'}",
            delivery=row.id,
            source=row.source,
            type=row.type,
            reason=verdict.reason,
            exc_info=error if verdict.is_error else None,
        )
        return following

    def _judge(self, row: InboxRow, error: Exception) -> Verdict:
        """What becomes of a row whose handler raised."""
        if isinstance(error, Refusal):
            return Verdict(DEAD, f"{error.code}: {error.detail}")
        if isinstance(error, UnknownParent):
            return self._park(row, error)
        if isinstance(error, Temporary):
            wait = self._ladder.wait(row.attempts, asked=error.after)
            if wait is None:
                return Verdict(DEAD, f"gave up after {row.attempts} tries: {error.detail}")
            return Verdict(PENDING, f"{error.code}: {error.detail}", wait)
        if _is_away(error):
            return Verdict(PENDING, f"database: {type(error).__name__}", AWAY_WAIT)
        reason = f"handler error: {type(error).__name__}"
        if row.errors + 1 >= MOST_ERRORS:
            return Verdict(DEAD, f"poison: {reason}", is_error=True)
        if isinstance(error, (IntegrityError, *DATABASE_FAULTS)):
            # It met another worker at a unique value or a lock; a handler that always does is poison.
            wait = self._ladder.wait(row.errors) if row.errors else RACE_WAIT
            return Verdict(PENDING, f"lost a race: {reason}", wait or 0.0, is_error=True)
        return Verdict(PENDING, reason, self._ladder.wait(row.errors + 1) or 0.0, is_error=True)

    def _park(self, row: InboxRow, error: UnknownParent) -> Verdict:
        """Only its patience ends the wait for a parent, and it looks often: a parent that was made
        elsewhere, by the API say, wakes nobody."""
        reason = f"{error.code}: {error.detail}"
        patience = PARENT_PATIENCE_SECONDS - (clock.now() - row.received_at).total_seconds()
        if patience <= 0:
            return Verdict(DEAD, reason)
        rung = min(row.attempts, len(self._ladder.rungs))
        wait = min(self._ladder.wait(rung) or 0.0, PARENT_LOOK_SECONDS, patience)
        return Verdict(PENDING, reason, wait)


def _is_away(error: Exception) -> bool:
    """The database went away while the handler ran: the row itself is not to blame."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, (InterfaceError, TimeoutError))


def _changed(session: Session, statement: TextClause, values: dict[str, object]) -> bool:
    return session.execute(statement, values).rowcount == 1
