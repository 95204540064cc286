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
from sqlalchemy.exc import IntegrityError

from crm.core.errors import UNDECIDED
from crm.core.uow import DATABASE_FAULTS, Units

log = structlog.get_logger(__name__)

MOST_LOST_LEASES = 3
MOST_ERRORS = 5
POISON = f"poison: its worker died {MOST_LOST_LEASES} times"
# Looking whether it had left took the worker along as well.
POISON_IN_DOUBT = (
    f"{UNDECIDED}: its worker died {MOST_LOST_LEASES + 1} times; it may have been sent"
)

_EXTEND = {
    table: text(f"""UPDATE {table} SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
                    WHERE id = :id AND lease_token = :token""")
    for table in ("inbox", "outbox")
}

# A lease that ran out: an inbox row waits again; a send may have left, so it must be looked up once
# the other side has surely ended with its request; a sync is simply done again.
_EXPIRE_INBOX = text(f"""
    UPDATE inbox SET lease_token = NULL, lease_until = NULL, lost_leases = lost_leases + 1,
        state = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN 'dead' ELSE 'pending' END,
        reason = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN '{POISON}' ELSE reason END,
        done_at = CASE WHEN lost_leases + 1 >= {MOST_LOST_LEASES} THEN clock_timestamp() END
    WHERE state = 'running' AND lease_until < clock_timestamp()
    RETURNING id""")
_EXPIRED_OUTBOX = text("""
    SELECT id FROM outbox WHERE state = 'sending' AND lease_until < clock_timestamp()
    FOR UPDATE SKIP LOCKED""")
_FREE_OUTBOX = text("""
    UPDATE outbox SET lease_token = NULL, lease_until = NULL, lost_leases = lost_leases + 1,
        state = CASE WHEN mode = 'send' THEN 'unsure' ELSE 'pending' END,
        due_at = CASE WHEN mode = 'send'
            THEN GREATEST(clock_timestamp(), tried_at + make_interval(secs => :settle))
            ELSE clock_timestamp() END,
        reason = 'lease lost'
    WHERE id = :id""")
_COVER = text("""
    UPDATE outbox SET lease_token = NULL, lease_until = NULL, state = 'cancelled',
        done_at = clock_timestamp(), reason = 'a newer sync covers it'
    WHERE id = :id""")


def new_token() -> str:
    return secrets.token_hex(16)


def expire(units: Units, settle_seconds: float) -> tuple[int, int]:
    """Take back leases that ran out. Returns how many inbox and outbox rows were freed.

    settle_seconds: how long after its start a send is left alone before it is looked up. An outbox
    row whose worker died too often is ended by the relay, which knows whom to tell.
    """
    with units() as uow:
        inbox = len(uow.session.execute(_EXPIRE_INBOX).all())
        outbox = uow.session.execute(_EXPIRED_OUTBOX).scalars().all()
        for row_id in outbox:
            try:
                with uow.session.begin_nested():
                    uow.session.execute(_FREE_OUTBOX, {"id": row_id, "settle": settle_seconds})
            except IntegrityError:
                # Only a waiting sync of the same key can be in the way.
                uow.session.execute(_COVER, {"id": row_id})
    if inbox or outbox:
        log.warning("leases lost", inbox=inbox, outbox=len(outbox))
    return inbox, len(outbox)


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
            except DATABASE_FAULTS as error:
                # The lease simply runs out if the database stays away.
                log.warning("heartbeat missed", error=type(error).__name__)
