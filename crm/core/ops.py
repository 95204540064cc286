"""The numbers that say whether Mendline keeps up, read from the database in one go.

/metrics and /api/v1/ops/health both show this snapshot. Finished rows are not counted: the tables
keep months of them, and every query here stays on a small partial index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from crm.core import clock
from crm.core.uow import UnitOfWork


@dataclass(frozen=True)
class Backlog:
    """Unfinished rows of one name (source or kind) in one state.

    state: `bulk` is what waits, one of a mass, behind everything else.
    """

    name: str
    state: str
    count: int
    oldest_seconds: float


@dataclass(frozen=True)
class Closed:
    """A destination that takes nothing now: its breaker is open or it refuses our credentials."""

    name: str
    until: datetime
    reason: str | None


@dataclass(frozen=True)
class Duty:
    """A periodic duty. age_seconds: since it last ended well, None while that has not happened."""

    name: str
    age_seconds: float | None
    error: str | None


@dataclass(frozen=True)
class Snapshot:
    """drift_seconds: our clock minus the database's.

    lost_leases: of unfinished rows and rows of the last 24 hours.
    reconcile_age_seconds: since the last good reconcile; None before the first.
    reconcile_found: lost webhooks it found in the last 24 hours.
    """

    at: datetime
    inbox: list[Backlog]
    outbox: list[Backlog]
    inbox_oldest_seconds: float
    outbox_oldest_seconds: float
    dead: int
    unsure: int
    lost_leases: int
    closed: list[Closed]
    duties: list[Duty]
    reconcile_age_seconds: float | None
    reconcile_found: int
    drift_seconds: float


# One arm a state: each can use the partial index of that state.
_ARM = """
    SELECT {name} AS name, CASE WHEN is_bulk AND state = 'pending' THEN 'bulk' ELSE state END AS state,
           count(*) AS count,
           greatest(extract(epoch FROM clock_timestamp() - min({since})), 0)::float AS oldest
    FROM {table} WHERE state = '{state}' GROUP BY 1, 2"""


def _backlog_query(table: str, name: str, since: str, states: tuple[str, ...]) -> str:
    arms = (_ARM.format(table=table, name=name, since=since, state=state) for state in states)
    return " UNION ALL ".join(arms) + " ORDER BY 1, 2"


_INBOX = text(_backlog_query("inbox", "source", "received_at", ("pending", "running", "dead")))
_OUTBOX = text(_backlog_query("outbox", "kind", "due_at", ("pending", "sending", "unsure", "dead")))
_LOST_LEASES = text("""
    SELECT coalesce((SELECT sum(lost_leases) FROM inbox
                     WHERE received_at > now() - interval '24 hours'), 0)
         + coalesce((SELECT sum(lost_leases) FROM outbox
                     WHERE state IN ('pending', 'sending', 'unsure')), 0)
         + coalesce((SELECT sum(lost_leases) FROM outbox
                     WHERE done_at > now() - interval '24 hours'), 0)""")
_CLOSED = text("""
    SELECT name, closed_until, reason FROM destinations
    WHERE closed_until > clock_timestamp() ORDER BY name""")
# The oldest of the sources compared with lately: one that works hides no other that does not.
_RECONCILED = text("""
    SELECT max(age) FILTER (WHERE tried_at > latest_at - interval '1 hour') AS age,
           coalesce(sum(found), 0) AS found
    FROM (SELECT extract(epoch FROM clock_timestamp()
                         - max(finished_at) FILTER (WHERE error IS NULL))::float AS age,
                 max(started_at) AS tried_at, max(max(started_at)) OVER () AS latest_at,
                 sum(found) FILTER (
                     WHERE started_at > clock_timestamp() - interval '24 hours') AS found
          FROM reconcile_runs WHERE started_at > clock_timestamp() - interval '7 days'
          GROUP BY source) AS by_source""")
_DUTIES = text("""
    SELECT name, extract(epoch FROM clock_timestamp() - finished_at)::float AS age, error
    FROM schedules ORDER BY name""")


def snapshot(uow: UnitOfWork) -> Snapshot:
    """Every number at this moment."""
    session = uow.session
    database_time = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    ours = clock.now()
    inbox = [Backlog(*row) for row in session.execute(_INBOX)]
    outbox = [Backlog(*row) for row in session.execute(_OUTBOX)]
    duties = [
        Duty(row.name, None if row.error else row.age, row.error)
        for row in session.execute(_DUTIES)
    ]
    reconciled = session.execute(_RECONCILED).one()
    return Snapshot(
        at=ours,
        inbox=inbox,
        outbox=outbox,
        inbox_oldest_seconds=_oldest(inbox),
        outbox_oldest_seconds=_oldest(outbox),
        dead=sum(row.count for row in inbox + outbox if row.state == "dead"),
        unsure=sum(row.count for row in outbox if row.state == "unsure"),
        lost_leases=int(session.execute(_LOST_LEASES).scalar_one()),
        closed=[Closed(*row) for row in session.execute(_CLOSED)],
        duties=duties,
        reconcile_age_seconds=reconciled.age,
        reconcile_found=int(reconciled.found),
        drift_seconds=round((ours - database_time).total_seconds(), 3),
    )


def _oldest(rows: list[Backlog]) -> float:
    """Seconds the longest waiting row has been waiting. What rests for a person does not wait, and
    that the last of a mass wait long says nothing.
    """
    waiting = [row.oldest_seconds for row in rows if row.state not in ("dead", "bulk")]
    return round(max(0.0, *waiting), 3) if waiting else 0.0
