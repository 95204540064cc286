"""The scheduler: one leader that frees lost leases, hands over due rows and starts periodic duties.

Any number may run; an advisory lock chooses the leader. Without Redis the leader runs the rows
itself. A duty's last start is kept in the database, so a missed run is caught up once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.integration import Schedule
from crm.core.uow import DATABASE_FAULTS, Units
from jobs import leases
from jobs.bulk import Bulk
from jobs.queue import Doorbell
from jobs.relay import AHEAD
from jobs.rows import Rows

log = structlog.get_logger(__name__)

LEADER_LOCK = 0x6D656E64_02
SWEEP_ROWS = 500
LONG_QUEUE = 100
INLINE_THREADS = 4
INLINE_PAUSE = 0.2
RING_GRACE = 1.0
STOP_SECONDS = 20.0


class ScheduleRow(Base):
    """When a duty last started and ended, and how."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(Text)


# Only the head of each subject and lane: what stands behind it can not go yet, and a long queue of
# one subject must not fill the list. Up to `now()`, which unlike `clock_timestamp()` an index can be
# read by: what is not due yet is not looked at.
_DUE_INBOX = text("""
    SELECT id FROM inbox WHERE state = 'pending' AND NOT is_bulk
      AND due_at <= now() - make_interval(secs => :age)
      AND NOT EXISTS (SELECT 1 FROM inbox other
                      WHERE other.subject = inbox.subject AND other.state = 'running')
      AND NOT EXISTS (SELECT 1 FROM inbox ahead WHERE ahead.subject = inbox.subject
                      AND ahead.state = 'pending' AND ahead.id < inbox.id
                      AND ahead.due_at <= clock_timestamp() - make_interval(secs => :age))
    ORDER BY due_at, id LIMIT :most""")
_DUE_OUTBOX = text(f"""
    SELECT id FROM outbox WHERE state IN ('pending', 'unsure') AND NOT is_bulk
      AND due_at <= now() - make_interval(secs => :age) AND NOT EXISTS ({AHEAD})
    ORDER BY due_at, id LIMIT :most""")
_START = text("""
    INSERT INTO schedules (name, started_at) VALUES (:name, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET started_at = clock_timestamp(), finished_at = NULL, error = NULL
    WHERE :starting AND (:forced OR schedules.finished_at IS NULL)
       OR schedules.started_at <= clock_timestamp() - make_interval(secs => :every)
    RETURNING name""")
_FINISH = text("""
    UPDATE schedules SET finished_at = clock_timestamp(), error = :error WHERE name = :name""")


class Scheduler:
    """sweep_seconds: pause between two looks at the tables. bulk: what is left to itself."""

    def __init__(
        self,
        engine: Engine,
        units: Units,
        rows: Rows,
        bulk: Bulk,
        doorbell: Doorbell,
        schedules: Sequence[Schedule],
        *,
        sweep_seconds: float,
        settle_seconds: float,
        alive_file: Path,
    ):
        self._engine = engine
        self._units = units
        self._rows = rows
        self._bulk = bulk
        self._doorbell = doorbell
        self._schedules = schedules
        self._sweep_seconds = sweep_seconds
        self._settle_seconds = settle_seconds
        self._alive_file = alive_file
        self._running: dict[str, threading.Thread] = {}
        self._inline = ThreadPoolExecutor(INLINE_THREADS, thread_name_prefix="rows")
        self._at_work: list[Future] = []

    def run(self, stop: threading.Event) -> None:
        """Lead, or wait to lead, until `stop` is set."""
        self._alive_file.parent.mkdir(parents=True, exist_ok=True)
        while not stop.is_set():
            self._alive_file.touch()
            try:
                self._lead(stop)
            except DATABASE_FAULTS as error:
                log.warning("database away", error=type(error).__name__)
            stop.wait(min(self._sweep_seconds, 1.0))
        self._stop()

    def _stop(self) -> None:
        """Finish the rows at work. A duty that takes too long is cut: the next leader repeats it."""
        deadline = time.monotonic() + STOP_SECONDS
        self._rows.stopping.set()
        self._inline.shutdown()
        self._bulk.stop()
        for thread in self._running.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def _lead(self, stop: threading.Event) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lock:
            if not lock.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK}
            ).scalar():
                return
            log.info("scheduler leads")
            starting = True
            try:
                while not stop.is_set():
                    lock.execute(text("SELECT 1"))  # raises when the lock's connection is gone
                    self._alive_file.touch()
                    leases.expire(self._units, self._settle_seconds)
                    self._sweep()
                    self._bulk.wake()
                    self._start_duties(starting)
                    starting = False
                    stop.wait(self._pause())
            finally:
                if not lock.invalidated:
                    lock.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LEADER_LOCK})

    def _pause(self) -> float:
        # Nobody else looks at the tables when there is no Redis.
        away = self._doorbell.backlog() is None
        return min(self._sweep_seconds, INLINE_PAUSE) if away else self._sweep_seconds

    def _sweep(self) -> None:
        """Hand over what is due: to the workers, or to threads here while there is no Redis."""
        backlog = self._doorbell.backlog()
        self._at_work = [future for future in self._at_work if not _is_done(future)]
        if (backlog or 0) > LONG_QUEUE or len(self._at_work) >= INLINE_THREADS:
            return
        # What was rung for a moment ago is on its way.
        age = {"age": 0 if backlog is None else RING_GRACE, "most": SWEEP_ROWS}
        with self._units() as uow:
            inbox = list(uow.session.execute(_DUE_INBOX, age).scalars())
            outbox = list(uow.session.execute(_DUE_OUTBOX, age).scalars())
        if backlog is None:
            self._run_here(inbox, outbox)
        elif inbox or outbox:
            self._doorbell.ring(inbox, outbox)

    def _run_here(self, inbox: Iterable[int], outbox: Iterable[int]) -> None:
        for row_id in inbox:
            self._at_work.append(self._inline.submit(self._rows.work, [row_id], []))
        for row_id in outbox:
            self._at_work.append(self._inline.submit(self._rows.work, [], [row_id]))

    def _start_duties(self, starting: bool) -> None:
        for schedule in self._schedules:
            earlier = self._running.get(schedule.name)
            if earlier and earlier.is_alive():
                continue
            values = {
                "name": schedule.name,
                "every": schedule.every_seconds,
                "starting": starting,
                "forced": schedule.at_start,
            }
            with self._units() as uow:
                is_due = uow.session.execute(_START, values).first()
            if is_due:
                duty = threading.Thread(
                    target=self._do, args=(schedule,), name=schedule.name, daemon=True
                )
                self._running[schedule.name] = duty
                duty.start()

    def _do(self, schedule: Schedule) -> None:
        started, problem = time.monotonic(), None
        try:
            schedule.run()
        except (
            Exception
        ) as error:  # a duty that fails must not end the others; it is kept and shown
            problem = f"{type(error).__name__}: {error}"[:500]
            log.exception("duty failed", duty=schedule.name)
        try:
            with self._units() as uow:
                uow.session.execute(_FINISH, {"name": schedule.name, "error": problem})
        except DATABASE_FAULTS as error:
            log.warning("database away", duty=schedule.name, error=type(error).__name__)
        log.info("duty done", duty=schedule.name, seconds=round(time.monotonic() - started, 3))


def _is_done(future: Future) -> bool:
    """Whether its rows have been run; a defect that ended them is told."""
    if not future.done():
        return False
    if error := future.exception():
        log.error("rows ended by a defect", exc_info=error)
    return True
