"""Runs bulk rows: one of a mass each, behind everything else and at a rate.

They are rung for nowhere and run by the scheduler that leads, in few threads of its own, so that
they take no worker's time. A delivery is run only when no effect is due, so that what is sent is
decided on just before it leaves. The turns of a destination are kept in the database: while two
schedulers take over from each other, and without Redis, the rate is the same.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import text

from crm.core.uow import DATABASE_FAULTS, UnitOfWork, Units
from jobs import destinations
from jobs.relay import AHEAD
from jobs.rows import Rows

log = structlog.get_logger(__name__)

# While a destination is closed its effects gather; beyond so many nothing more is decided on.
MOST_WAITING = 500

_EFFECT = text(f"""
    SELECT id, destination FROM outbox
    WHERE is_bulk AND state IN ('pending', 'unsure') AND due_at <= now()
      AND id <> ALL(:taken) AND NOT EXISTS ({AHEAD})
      AND NOT EXISTS (SELECT 1 FROM destinations
                      WHERE name = destination AND closed_until > clock_timestamp())
    ORDER BY due_at, id LIMIT 1""")
_DELIVERY = text("""
    SELECT id FROM inbox
    WHERE is_bulk AND state = 'pending' AND due_at <= now() AND id <> ALL(:taken)
      AND NOT EXISTS (SELECT 1 FROM inbox other
                      WHERE other.subject = inbox.subject AND other.state = 'running')
      AND (SELECT count(*) FROM (
               SELECT 1 FROM outbox WHERE is_bulk AND state IN ('pending', 'unsure')
               AND due_at <= now() + interval '1 minute' LIMIT :most) AS waiting) < :most
    ORDER BY due_at, id LIMIT 1""")


class Bulk:
    """per_second: effects to one destination."""

    def __init__(self, units: Units, rows: Rows, *, per_second: float):
        self._units = units
        self._rows = rows
        self._per_second = per_second
        self._pool = ThreadPoolExecutor(destinations.BULK_AT_ONCE, thread_name_prefix="bulk")
        self._lock = threading.Lock()
        self._at_work = 0
        self._taken: dict[str, set[int]] = {"inbox": set(), "outbox": set()}

    def wake(self) -> None:
        """Begin with what is due, and return at once."""
        if self._at_work == destinations.BULK_AT_ONCE:
            return
        with self._lock, self._units() as uow:
            if not (self._effect(uow) or self._delivery(uow)):
                return
            free = destinations.BULK_AT_ONCE - self._at_work
            self._at_work += free
        for _ in range(free):
            self._pool.submit(self._work)

    def stop(self) -> None:
        """Wait for the rows at work; the caller has set `rows.stopping`."""
        self._pool.shutdown()

    def _work(self) -> None:
        try:
            while not self._rows.stopping.is_set() and self._step():
                pass
        except DATABASE_FAULTS as error:
            log.warning("database away", error=type(error).__name__)
        except Exception:  # a defect must not end the others; the next sweep goes on
            log.exception("bulk rows ended by a defect")
        finally:
            with self._lock:
                self._at_work -= 1

    def _step(self) -> bool:
        """Run one row. False when nothing is due."""
        with self._lock, self._units() as uow:
            effect = self._effect(uow)
            row_id = effect[0] if effect else self._delivery(uow)
            if row_id is None:
                return False
            taken = self._taken["outbox" if effect else "inbox"]
            taken.add(row_id)
        try:
            if effect:
                self._send(*effect)
            else:
                self._rows.inbox.run(row_id)
        finally:
            with self._lock:
                taken.discard(row_id)
        return True

    def _send(self, row_id: int, destination: str) -> None:
        with self._units() as uow:
            wait = destinations.take_bulk_turn(uow, destination, self._per_second)
        if not self._rows.stopping.wait(wait):
            self._rows.relay.run(row_id)

    def _effect(self, uow: UnitOfWork) -> tuple[int, str] | None:
        row = uow.session.execute(_EFFECT, {"taken": list(self._taken["outbox"])}).first()
        return (row.id, row.destination) if row else None

    def _delivery(self, uow: UnitOfWork) -> int | None:
        values = {"taken": list(self._taken["inbox"]), "most": MOST_WAITING}
        return uow.session.execute(_DELIVERY, values).scalar()
