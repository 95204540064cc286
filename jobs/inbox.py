"""Runs inbox rows: claim, hand to the handler, mark done, all guarded by a lease.

A handler's work and the `done` mark commit together, so a crash anywhere leaves the row waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from crm.core.errors import Refusal, Temporary, UnknownParent
from crm.core.inbox import DEAD, PENDING, InboxRow
from crm.core.integration import Handler
from crm.core.uow import Units
from jobs.leases import MOST_ERRORS, Heartbeat, new_token
from jobs.retries import Ladder

log = structlog.get_logger(__name__)

PARENT_PATIENCE_HOURS = 24
RACE_WAIT = 0.2

_CLAIM = text("""
    UPDATE inbox SET state = 'running', lease_token = :token, attempts = attempts + 1,
        lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = (SELECT id FROM inbox WHERE id = :id AND state = 'pending'
                AND due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED)
    RETURNING id""")
_NEXT = text("""
    SELECT id FROM inbox WHERE subject = :subject AND state = 'pending' AND due_at <= clock_timestamp()
    ORDER BY id LIMIT 1""")
_FINISH = text("""
    UPDATE inbox SET state = 'done', done_at = clock_timestamp(), lease_token = NULL,
        lease_until = NULL, reason = NULL
    WHERE id = :id AND lease_token = :token""")
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
        """Run one row. Returns the next due row of the same subject, if this one was ours."""
        token = new_token()
        try:
            with self._units() as uow:
                claim = {"id": row_id, "token": token, "seconds": self._lease_seconds}
                if uow.session.execute(_CLAIM, claim).first() is None:
                    return None
        except IntegrityError:
            return None  # its subject is being worked on; that worker goes on to this row
        with self._heartbeat.hold("inbox", row_id, token):
            subject = self._work(row_id, token)
        with self._units() as uow:
            return uow.session.execute(_NEXT, {"subject": subject}).scalar()

    def _work(self, row_id: int, token: str) -> str:
        with self._units() as uow:
            row = uow.session.scalars(select(InboxRow).where(InboxRow.id == row_id)).one()
            uow.session.expunge(row)
        try:
            with self._units() as uow:
                self._handlers[row.source, row.type](uow, row)
                uow.react()
                if uow.session.execute(_FINISH, {"id": row_id, "token": token}).rowcount != 1:
                    raise LeaseLost
            log.info("inbox done", delivery=row_id, source=row.source, type=row.type)
        except LeaseLost:
            log.warning("inbox lease lost", delivery=row_id)
        except Exception as error:  # every fault of a handler must end in a state, none may be lost
            self._put_back(row, token, error)
        return row.subject

    def _put_back(self, row: InboxRow, token: str, error: Exception) -> None:
        verdict = self._judge(row, error)
        log.log(
            40 if verdict.is_error else 30,
            "inbox " + verdict.state,
            delivery=row.id,
            source=row.source,
            type=row.type,
            reason=verdict.reason,
            exc_info=error if verdict.is_error else None,
        )
        with self._units() as uow:
            uow.session.execute(
                _PUT_BACK,
                {
                    "id": row.id,
                    "token": token,
                    "state": verdict.state,
                    "reason": verdict.reason,
                    "wait": verdict.wait,
                    "error": int(verdict.is_error),
                },
            )

    def _judge(self, row: InboxRow, error: Exception) -> Verdict:
        """What becomes of a row whose handler raised."""
        if isinstance(error, Refusal):
            return Verdict(DEAD, f"{error.code}: {error.detail}")
        if isinstance(error, UnknownParent):
            with self._units() as uow:
                age = uow.now - row.received_at
            if age.total_seconds() > PARENT_PATIENCE_HOURS * 3600:
                return Verdict(DEAD, f"{error.code}: {error.detail}")
        if isinstance(error, Temporary):
            wait = self._ladder.wait(row.attempts, asked=error.after)
            if wait is None:
                return Verdict(DEAD, f"gave up after {row.attempts} tries: {error.detail}")
            return Verdict(PENDING, f"{error.code}: {error.detail}", wait)
        if isinstance(error, OperationalError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        ):
            # The database went away or asked for a retry; the row itself is not to blame.
            return Verdict(PENDING, f"database: {type(error.orig).__name__}", 1.0)
        reason = f"handler error: {type(error).__name__}"
        if row.errors + 1 >= MOST_ERRORS:
            return Verdict(DEAD, f"poison: {reason}", is_error=True)
        if isinstance(error, IntegrityError):
            return Verdict(PENDING, "lost a race for a unique value", RACE_WAIT, is_error=True)
        return Verdict(PENDING, reason, self._ladder.wait(row.errors + 1) or 0.0, is_error=True)


