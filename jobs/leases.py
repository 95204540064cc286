"""Leases on rows: who works on what, on the database's clock (reliability.md, rules 21 and 22).

A claim writes a token and an end; a heartbeat thread pushes the end forward; every later write asks
for the token, so a worker that was thought dead cannot write over its successor.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from crm.core.uow import Units

log = structlog.get_logger(__name__)

MOST_LOST_LEASES = 3
MOST_ERRORS = 5

_EXTEND = {
    table: text(f"""UPDATE {table} SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
                    WHERE id = :id AND lease_token = :token""")
    for table in ("inbox", "outbox")
}

# A lease that ran out: an inbox row waits again; a send may have left, so it must be looked up.
_EXPIRE_INBOX = text(f"""
    UPDATE inbox SET lease_token = NULL, lease_until = NULL, lost_leases = lost_leases + 1,
        state = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN 'dead' ELSE 'pending' END,
        reason = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES}
                      THEN 'poison: its worker died {MOST_LOST_LEASES} times' ELSE reason END,
        done_at = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN clock_timestamp() END
    WHERE state = 'running' AND lease_until < clock_timestamp()
    RETURNING id""")
_EXPIRE_OUTBOX = text(f"""
    UPDATE outbox SET lease_token = NULL, lease_until = NULL, lost_leases = lost_leases + 1,
        state = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN 'dead'
                     WHEN mode = 'send' THEN 'unsure' ELSE 'pending' END,
        due_at = CASE WHEN mode = 'send' THEN first_tried_at + make_interval(secs => :settle)
                      ELSE clock_timestamp() END,
        reason = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES}
                      THEN 'poison: its worker died {MOST_LOST_LEASES} times' ELSE 'lease lost' END,
        done_at = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN clock_timestamp() END
    WHERE state = 'sending' AND lease_until < clock_timestamp()
      AND (mode = 'send' OR NOT EXISTS (SELECT 1 FROM outbox waiting
           WHERE waiting.effect_key = outbox.effect_key AND waiting.mode = 'sync'
             AND waiting.state = 'pending'))
    RETURNING id""")
_DROP_COVERED_SYNCS = text("""
    UPDATE outbox SET state = 'cancelled', reason = 'a newer sync covers it', done_at = clock_timestamp(),
        lease_token = NULL, lease_until = NULL
    WHERE state = 'sending' AND mode = 'sync' AND lease_until < clock_timestamp()""")


def new_token() -> str:
    return secrets.token_hex(16)


def expire(units: Units, settle_seconds: float) -> tuple[int, int]:
    """Take back leases that ran out. Returns how many inbox and outbox rows were freed."""
    with units() as uow:
        inbox = len(uow.session.execute(_EXPIRE_INBOX).all())
        outbox = len(uow.session.execute(_EXPIRE_OUTBOX, {"settle": settle_seconds}).all())
        outbox += uow.session.execute(_DROP_COVERED_SYNCS).rowcount
    if inbox or outbox:
        log.warning("leases lost", inbox=inbox, outbox=outbox)
    return inbox, outbox


class Heartbeat:
    """Extends the leases this process holds, every `every_seconds`, from one daemon thread."""

    def __init__(self, units: Units, *, lease_seconds: float, every_seconds: float):
        self._units = units
        self._lease_seconds = lease_seconds
        self._every_seconds = every_seconds
        self._held: set[tuple[str, int, str]] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, table: str, row_id: int, token: str) -> Iterator[None]:
        held = (table, row_id, token)
        with self._lock:
            self._held.add(held)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(held)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._every_seconds):
            with self._lock:
                held = list(self._held)
            if not held:
                continue
            try:
                with self._units() as uow:
                    for table, row_id, token in held:
                        uow.session.execute(
                            _EXTEND[table],
                            {"id": row_id, "token": token, "seconds": self._lease_seconds},
                        )
            except OperationalError as error:
                # The lease simply runs out if the database stays away.
                log.warning("heartbeat missed", error=type(error).__name__)
