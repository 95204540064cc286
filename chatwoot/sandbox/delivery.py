"""Carries webhook bodies to their addresses in background threads, as Chatwoot's workers do.

Knows waiting, signing, sending and the log (webhooks.md 3 and 5). Which event goes to which
address, and what a failure causes, is decided in `hooks.py`.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import logging
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from .times import iso, now

log = logging.getLogger(__name__)

PARALLEL = 10
PATIENCE_SECONDS = 5.0
LOG_LENGTH = 20_000


@dataclass
class Delivery:
    """One event for one address. kind: account, inbox or bot. secret: None sends unsigned.
    subject_id: id of the message, conversation, contact or session the event is about."""

    event: str
    kind: str
    url: str
    body: bytes
    secret: str | None
    user_agent: str
    subject_id: int
    delivery_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 1

    def headers(self) -> dict[str, str]:
        """A repeated attempt keeps the delivery id and gets a new timestamp."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": self.user_agent,
        }
        if self.secret is not None:
            timestamp = str(int(now()))
            signed = timestamp.encode() + b"." + self.body
            digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
            headers["X-Chatwoot-Delivery"] = self.delivery_id
            headers["X-Chatwoot-Timestamp"] = timestamp
            headers["X-Chatwoot-Signature"] = f"sha256={digest}"
        return headers


class Courier:
    """Threads that run jobs, up to PARALLEL at once and in no promised order.

    finished: called with a delivery, its status (None: no answer) and the error text.
    """

    def __init__(self, finished: Callable[[Delivery, int | None, str | None], None]) -> None:
        self._finished = finished
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._state = threading.Condition()
        self._open_jobs = 0
        self._started = False
        self._local = threading.local()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def run(self, job: Callable[[], None], delay: float = 0.0) -> None:
        """Run the job in a thread after delay seconds."""
        with self._state:
            self._start()
            self._open_jobs += 1
            if delay > 0:
                due = time.monotonic() + delay
                heapq.heappush(self._waiting, (due, next(self._order), job))
                self._state.notify_all()
            else:
                self._jobs.put(job)

    def send(self, delivery: Delivery, delay: float = 0.0) -> None:
        self.run(lambda: self._send(delivery), delay)

    def note(self, delivery: Delivery, status: int | None, error: str | None) -> None:
        self.log.append(
            {
                "delivery": delivery.delivery_id,
                "event": delivery.event,
                "kind": delivery.kind,
                "url": delivery.url,
                "subject_id": delivery.subject_id,
                "attempt": delivery.attempt,
                "status": status,
                "error": error,
                "at": iso(now()),
            }
        )

    @property
    def open_jobs(self) -> int:
        return self._open_jobs

    def wait_until_idle(self, seconds: float) -> bool:
        """Whether every job, delayed ones included, was done within the time."""
        with self._state:
            return self._state.wait_for(lambda: self._open_jobs == 0, seconds)

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        threading.Thread(target=self._release_due, daemon=True).start()
        for _ in range(PARALLEL):
            threading.Thread(target=self._work, daemon=True).start()

    def _release_due(self) -> None:
        while True:
            with self._state:
                while not self._waiting:
                    self._state.wait()
                left = self._waiting[0][0] - time.monotonic()
                if left > 0:
                    self._state.wait(left)
                    continue
                self._jobs.put(heapq.heappop(self._waiting)[2])

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:
                # The thread must live on for the other deliveries.
                log.exception("sandbox delivery job failed")
            finally:
                with self._state:
                    self._open_jobs -= 1
                    self._state.notify_all()

    def _send(self, delivery: Delivery) -> None:
        status, error = None, None
        try:
            answer = self._session().post(
                delivery.url,
                data=delivery.body,
                headers=delivery.headers(),
                timeout=PATIENCE_SECONDS,
                allow_redirects=False,
            )
            status = answer.status_code
            if not 200 <= status < 300:
                error = f"{status} {answer.reason}"
        except requests.Timeout:
            error = "Timed out reading data from server"
        except requests.RequestException as fault:
            error = type(fault).__name__
        self.note(delivery, status, error)
        self._finished(delivery, status, error)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        return self._local.session
