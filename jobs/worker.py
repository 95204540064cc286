"""The worker process: an RQ worker on one queue, running rows in its own process.

RQ carries row ids only; claims, leases and retries are ours, so RQ neither retries nor schedules.
It does not fork per job: a fork would cost a new database connection for each ring, and a killed
worker is healed by the leases.
"""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from jobs.queue import work_queue
from jobs.rows import Rows

log = structlog.get_logger(__name__)

# Short, so that a worker notices a lost Redis soon and proves its life often.
WORKER_TTL = 45
PAUSE = 1.0
LONGEST_PAUSE = 2.0  # between two looks for a Redis that is away

_rows: Rows | None = None


def work(inbox_ids: list[int], outbox_ids: list[int]) -> None:
    """What a ring runs. Imported by name by RQ inside a process that called `run`."""
    if _rows is None:
        raise RuntimeError("rings are answered by `app.py worker` only")
    _rows.work(inbox_ids, outbox_ids)


class RowWorker(SimpleWorker):
    """Stops without asking Redis, and touches a file that a container's health check reads."""

    max_connection_wait_time = LONGEST_PAUSE
    alive_file: Path
    rows: Rows

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        super().heartbeat(*args, **kwargs)
        self.alive_file.touch()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """On SIGTERM and SIGINT: finish the row at work, claim no other."""
        self.rows.stopping.set()
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested


def run(rows: Rows, redis_url: str, alive_file: Path) -> None:
    """Answer rings until SIGTERM; come back by itself when Redis was away."""
    global _rows
    _rows = rows
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    alive_file.parent.mkdir(parents=True, exist_ok=True)
    while not rows.stopping.is_set():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: rows.stopping.set())
        try:
            connection = Redis.from_url(redis_url)
            worker = RowWorker(
                [work_queue(connection)],
                connection=connection,
                worker_ttl=WORKER_TTL,
                serializer="rq.serializers.JSONSerializer",
                log_job_description=False,
            )
            worker.alive_file, worker.rows = alive_file, rows
            worker.work(logging_level="WARNING")
        except StopRequested:
            return
        except RedisError as error:
            log.warning("redis away", error=type(error).__name__)
        rows.stopping.wait(PAUSE)
