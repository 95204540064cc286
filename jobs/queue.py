"""The doorbell: tells workers through RQ that rows are ready. Never the truth, always losable.

A ring that fails costs nothing: the scheduler's sweep finds the rows within seconds
(reliability.md, rules 1 and 20).
"""

from __future__ import annotations

import threading
import time
from collections import deque

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger(__name__)

QUEUE_NAME = "rows"
RING_SECONDS = 0.1
ROWS_PER_JOB = 20
# RQ would end a job in the middle of a row; calls and statements have limits of their own.
NO_TIMEOUT = -1
_SILENCE_AFTER_FAULT = 5.0


def work_queue(connection: Redis) -> Queue:
    return Queue(QUEUE_NAME, connection=connection, serializer=JSONSerializer)


class Doorbell:
    """delay_seconds: how long rings are gathered; 0 rings at once, in the caller's thread.

    A web process gathers, so that a burst of deliveries costs few rings and no request waits.
    """

    def __init__(self, redis_url: str | None, *, delay_seconds: float = 0.0):
        self._queue: Queue | None = None
        if redis_url:
            connection = Redis.from_url(
                redis_url,
                socket_timeout=RING_SECONDS,
                socket_connect_timeout=RING_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            self._queue = work_queue(connection)
        self._delay_seconds = delay_seconds
        self._inbox: deque[int] = deque()
        self._outbox: deque[int] = deque()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0

    def ring(self, inbox_ids: list[int], outbox_ids: list[int]) -> None:
        """Announce rows. Faults of Redis are logged and forgotten: the sweep is the safety."""
        if self._queue is None:
            return
        self._inbox.extend(inbox_ids)
        self._outbox.extend(outbox_ids)
        if not self._delay_seconds:
            self._flush()
            return
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._serve, name="doorbell", daemon=True
                    )
                    self._thread.start()
        self._wake.set()

    def backlog(self) -> int | None:
        """Rings waiting in Redis, or None when Redis is away or not configured."""
        if self._queue is None:
            return None
        try:
            return self._queue.count
        except RedisError:
            return None

    def _serve(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(self._delay_seconds)
            self._wake.clear()
            self._flush()

    def _flush(self) -> None:
        while True:
            with self._lock:
                inbox, outbox = _take(self._inbox), _take(self._outbox)
            if not inbox and not outbox:
                return
            if time.monotonic() < self._silent_until:
                continue
            try:
                self._queue.enqueue_call(
                    "jobs.worker.work",
                    args=(inbox, outbox),
                    timeout=NO_TIMEOUT,
                    result_ttl=0,
                    failure_ttl=600,
                    description=f"inbox {len(inbox)} outbox {len(outbox)}",
                    # What is owed goes before what just came in: work begun is finished first.
                    at_front=bool(outbox),
                )
            except RedisError as error:
                self._silent_until = time.monotonic() + _SILENCE_AFTER_FAULT
                log.warning("doorbell silent", error=type(error).__name__)


def _take(ids: deque[int]) -> list[int]:
    return [ids.popleft() for _ in range(min(ROWS_PER_JOB, len(ids)))]
