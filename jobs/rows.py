"""Runs row ids, and what follows them in their subjects and lanes, until asked to stop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

import structlog

from crm.core.uow import DATABASE_FAULTS
from jobs.inbox import InboxRunner
from jobs.relay import Relay

log = structlog.get_logger(__name__)

MOST_FOR_ONE = 50  # then a busy subject's next row waits for the sweep, behind the others


class Rows:
    """stopping: set it, and after the present row nothing more is claimed."""

    def __init__(self, inbox: InboxRunner, relay: Relay):
        self.inbox = inbox
        self.relay = relay
        self.stopping = threading.Event()

    def work(self, inbox_ids: Iterable[int], outbox_ids: Iterable[int]) -> None:
        """Subjects and lanes take turns, row by row, so that a long one holds up no other."""
        waiting = deque((self.inbox.run, row_id, MOST_FOR_ONE) for row_id in inbox_ids)
        waiting.extend((self.relay.run, row_id, MOST_FOR_ONE) for row_id in outbox_ids)
        while waiting and not self.stopping.is_set():
            run, row_id, left = waiting.popleft()
            try:
                following = run(row_id)
            except DATABASE_FAULTS as error:
                # Leases run out by themselves, and the sweep finds everything again.
                log.warning("database away", error=type(error).__name__)
                return
            if following is not None and left > 1:
                waiting.append((run, following, left - 1))
