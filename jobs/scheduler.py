"""The scheduler: one leader that frees lost leases, hands over due rows and starts periodic duties.

Any number may run; an advisory lock chooses the leader. Without Redis the leader runs the rows
itself. A duty's last start is kept in the database, so a missed run is caught up once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine, Text, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.integration import Schedule
from crm.core.uow import Units
from jobs import leases
from jobs.queue import ROWS_PER_JOB, Doorbell
from jobs.rows import Rows

log = structlog.get_logger(__name__)

LEADER_LOCK = 0x6D656E64_02
SWEEP_ROWS = 500
LONG_QUEUE = 100
INLINE_THREADS = 4


class ScheduleRow(Base):
    """When a duty last started and ended, and how."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(Text)


_DUE_INBOX = text("""
    SELECT id FROM inbox WHERE state = 'pending'
      AND due_at <= clock_timestamp() - make_interval(secs => :age) ORDER BY due_at, id LIMIT :most""")
# Only the head of each lane: what stands behind it can not go yet.
_DUE_OUTBOX = text("""
    SELECT DISTINCT ON (lane) id FROM (
        SELECT id, lane FROM outbox WHERE state IN ('pending', 'unsure')
          AND due_at <= clock_timestamp() - make_interval(secs => :age) ORDER BY due_at, id LIMIT :most
    ) due ORDER BY lane, id""")
_START = text("""
    INSERT INTO schedules (name, started_at) VALUES (:name, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET started_at = clock_timestamp(), finished_at = NULL, error = NULL
    WHERE :forced OR schedules.started_at <= clock_timestamp() - make_interval(secs => :every)
    RETURNING name""")
_FINISH = text("""
    UPDATE schedules SET finished_at = clock_timestamp(), error = :error WHERE name = :name""")


class Scheduler:
    """sweep_seconds: pause between two looks at the tables."""

    def __init__(
        self,
        engine: Engine,
        units: Units,
        rows: Rows,
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
        self._doorbell = doorbell
        self._schedules = schedules
        self._sweep_seconds = sweep_seconds
        self._settle_seconds = settle_seconds
        self._alive_file = alive_file
        self._running: dict[str, Future] = {}
        self._duties = ThreadPoolExecutor(2, thread_name_prefix="duty")
        self._inline = ThreadPoolExecutor(INLINE_THREADS, thread_name_prefix="rows")

    def run(self, stop: threading.Event) -> None:
        """Lead, or wait to lead, until `stop` is set."""
        self._alive_file.parent.mkdir(parents=True, exist_ok=True)
        while not stop.is_set():
            self._alive_file.touch()
            try:
                self._lead(stop)
            except OperationalError as error:
                log.warning("database away", error=type(error.orig).__name__)
            stop.wait(min(self._sweep_seconds, 1.0))
        self._rows.stopping.set()
        self._inline.shutdown()
        self._duties.shutdown(cancel_futures=True)

    def _lead(self, stop: threading.Event) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lock:
            if not lock.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK}).scalar():
                return
            log.info("scheduler leads")
            starting = True
            try:
                while not stop.is_set():
                    lock.execute(text("SELECT 1"))  # raises when the lock's connection is gone
                    self._alive_file.touch()
                    leases.expire(self._units, self._settle_seconds)
                    handed_over = self._sweep()
                    self._start_duties(starting)
                    starting = False
                    if not handed_over:
                        stop.wait(self._pause())
            finally:
                if not lock.invalidated:
                    lock.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LEADER_LOCK})

    def _pause(self) -> float:
        # Nobody else looks at the tables when there is no Redis.
        return self._sweep_seconds if self._doorbell.backlog() is not None else min(self._sweep_seconds, 0.5)

    def _sweep(self) -> bool:
        """Hand over what is due. True if it was run here, so that more may be waiting."""
        backlog = self._doorbell.backlog()
        if backlog is not None and backlog > LONG_QUEUE:
            return False
        age = {"age": 0 if backlog is None else 1, "most": SWEEP_ROWS}
        with self._units() as uow:
            inbox = list(uow.session.execute(_DUE_INBOX, age).scalars())
            outbox = list(uow.session.execute(_DUE_OUTBOX, age).scalars())
        if not inbox and not outbox:
            return False
        if backlog is not None:
            self._doorbell.ring(inbox, outbox)
            return False
        chunks = [(inbox[i : i + ROWS_PER_JOB], []) for i in range(0, len(inbox), ROWS_PER_JOB)]
        chunks += [([], outbox[i : i + ROWS_PER_JOB]) for i in range(0, len(outbox), ROWS_PER_JOB)]
        for future in [self._inline.submit(self._rows.work, *chunk) for chunk in chunks]:
            future.result()
        return True

    def _start_duties(self, starting: bool) -> None:
        for schedule in self._schedules:
            earlier = self._running.get(schedule.name)
            if earlier and not earlier.done():
                continue
            values = {
                "name": schedule.name,
                "every": schedule.every_seconds,
                "forced": starting and schedule.at_start,
            }
            with self._units() as uow:
                is_due = uow.session.execute(_START, values).first()
            if is_due:
                self._running[schedule.name] = self._duties.submit(self._do, schedule)

    def _do(self, schedule: Schedule) -> None:
        started, problem = time.monotonic(), None
        try:
            schedule.run()
        except Exception as error:  # a duty that fails must not end the others; it is kept and shown
            problem = f"{type(error).__name__}: {error}"[:500]
            log.exception("duty failed", duty=schedule.name)
        with self._units() as uow:
            uow.session.execute(_FINISH, {"name": schedule.name, "error": problem})
        log.info("duty done", duty=schedule.name, seconds=round(time.monotonic() - started, 3))
