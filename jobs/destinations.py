"""The state of each outside party: breaker and pause (reliability.md, rules 16 and 18).

Kept in the database, so that all workers see one state and an emptied Redis forgets nothing.
The breaker opens after 5 faults in a row, or when half of the last 20 calls were faults; then one
probe is let through every 30 s. Waiting costs a row no attempt.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.uow import UnitOfWork

FAULTS_IN_ROW = 5
WINDOW = 20
PROBE_SECONDS = 30.0
PAUSE_SECONDS = 60.0
AT_ONCE = 4
BULK_AT_ONCE = AT_ONCE - 1  # one place stays for what a customer waits for
BUSY_WAIT = 0.25
LONGEST_LOOK = 5.0  # how late a waiting row may notice that its destination works again


class Destination(Base):
    """recent: the last outcomes, newest last, `1` for a fault. closed_until: no claims before.

    bulk_at: the latest turn given to a bulk row.
    """

    __tablename__ = "destinations"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    recent: Mapped[str] = mapped_column(Text, server_default="")
    closed_until: Mapped[datetime | None] = mapped_column()
    bulk_at: Mapped[datetime | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


# Claims for one destination take turns, or two could count the same free place.
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('destination:' || :name, 0))")
_LOOK = text("""
    SELECT (SELECT count(*) FROM outbox WHERE state = 'sending' AND destination = :name) AS busy,
           (SELECT extract(epoch FROM closed_until - clock_timestamp()) FROM destinations
            WHERE name = :name) AS closed_seconds""")
_TAKE_BULK_TURN = text("""
    INSERT INTO destinations (name, recent, bulk_at) VALUES (:name, '', clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        bulk_at = GREATEST(destinations.bulk_at + make_interval(secs => :apart), clock_timestamp())
    RETURNING extract(epoch FROM bulk_at - clock_timestamp())""")
_TAKE_PROBE = text("""
    UPDATE destinations SET closed_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE name = :name AND closed_until <= clock_timestamp()""")
_NOTE = text("""
    INSERT INTO destinations (name, recent) VALUES (:name, :mark)
    ON CONFLICT (name) DO UPDATE SET recent = right(destinations.recent || :mark, :window)
    RETURNING recent""")
_CLOSE = text("""
    UPDATE destinations SET closed_until = clock_timestamp() + make_interval(secs => :seconds),
        reason = :reason, changed_at = clock_timestamp() WHERE name = :name""")
_OPEN = text("""
    UPDATE destinations SET closed_until = NULL, reason = NULL, recent = '', changed_at = clock_timestamp()
    WHERE name = :name AND closed_until IS NOT NULL""")


def take_bulk_turn(uow: UnitOfWork, name: str, per_second: float) -> float:
    """Reserve the next moment for a bulk row there, for all processes. Returns the seconds to it."""
    values = {"name": name, "apart": 1 / per_second}
    return max(float(uow.session.execute(_TAKE_BULK_TURN, values).scalar_one()), 0.0)


def wait_for_place(uow: UnitOfWork, name: str, *, is_bulk: bool = False) -> float:
    """Seconds until it is worth asking again; 0 when one more call may start now.

    The first call after a break is its probe. Holds back other claims until the unit ends.
    """
    uow.session.execute(_TAKE_TURN, {"name": name})
    busy, closed_seconds = uow.session.execute(_LOOK, {"name": name}).one()
    if closed_seconds is not None and closed_seconds > 0:
        return min(max(float(closed_seconds), BUSY_WAIT), LONGEST_LOOK)
    if busy >= (BULK_AT_ONCE if is_bulk else AT_ONCE):
        return BUSY_WAIT
    uow.session.execute(_TAKE_PROBE, {"name": name, "seconds": PROBE_SECONDS})
    return 0.0


def worked(uow: UnitOfWork, name: str) -> None:
    uow.session.execute(_NOTE, {"name": name, "mark": "0", "window": WINDOW})
    uow.session.execute(_OPEN, {"name": name})


def failed(uow: UnitOfWork, name: str, reason: str) -> None:
    recent = uow.session.execute(_NOTE, {"name": name, "mark": "1", "window": WINDOW}).scalar_one()
    if recent.endswith("1" * FAULTS_IN_ROW) or recent.count("1") * 2 >= WINDOW:
        close(uow, name, f"breaker: {reason}", PROBE_SECONDS)


def denied(uow: UnitOfWork, name: str, reason: str) -> None:
    """Credentials refused: everything to this destination waits; one probe a minute looks again."""
    uow.session.execute(_NOTE, {"name": name, "mark": "1", "window": WINDOW})
    close(uow, name, f"denied: {reason}", PAUSE_SECONDS)


def close(uow: UnitOfWork, name: str, reason: str, seconds: float) -> None:
    uow.session.execute(_CLOSE, {"name": name, "reason": reason, "seconds": seconds})
