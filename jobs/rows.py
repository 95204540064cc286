"""Runs row ids to the end of their subjects and lanes, until asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.exc import OperationalError

from jobs.inbox import InboxRunner
from jobs.relay import Relay

log = structlog.get_logger(__name__)

MOST_IN_A_ROW = 50  # then the next row of a busy subject waits its turn behind the others


class Rows:
    """stopping: set it, and after the present row nothing more is claimed."""

    def __init__(self, inbox: InboxRunner, relay: Relay):
        self._inbox = inbox
        self._relay = relay
        self.stopping = threading.Event()

    def work(self, inbox_ids: Iterable[int], outbox_ids: Iterable[int]) -> None:
        for row_id in inbox_ids:
            self._follow(self._inbox.run, row_id)
        for row_id in outbox_ids:
            self._follow(self._relay.run, row_id)

    def _follow(self, run: Callable[[int], int | None], row_id: int | None) -> None:
        for _ in range(MOST_IN_A_ROW):
            if row_id is None or self.stopping.is_set():
                return
            try:
                row_id = run(row_id)
            except OperationalError as error:
                # PostgreSQL is away: the row's lease runs out and the sweep finds it again.
                log.warning("database away", error=type(error.orig).__name__)
                return
