"""Many thousand follow-ups due at once, and status messages that must not wait for them.

The service is running; the follow-ups come due, are handed on, and leave by e-mail at the
configured rate. Status messages are caused at a steady pace before and meanwhile, to the same mail
server. The planning is also compared with the least it could be: as many bare rows, stored by one
statement.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg

from bench import letters, rest
from bench.figures import Figure
from bench.machinery import Service, state_directory, whole_service
from crm.followups.round import Round

RATE = 10
NEWS_PER_SECOND = 1.0
MOST_PLANNING, MOST_WAIT = 60.0, 5.0
LEAST_SHARE = 0.9  # of the configured rate
FIRST_DUE, FIRST_NEWS = 1_000_000, 5_000_000
_DUE = """
    INSERT INTO follow_ups (repair_id, customer_id, kind, state, due_at, created_by, created_at)
    SELECT i, i, 'survey', 'pending', now() - interval '1 minute', 'bench', now()
    FROM generate_series(%(first)s, %(last)s) i"""
_BARE = """
    CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    INSERT INTO bare (name) SELECT md5(i::text) FROM generate_series(1, %(count)s) i"""


def run(*, count: int = 50_000, seconds: float = 90) -> list[Figure]:
    news = int(seconds * NEWS_PER_SECOND)
    zone = _zone_at_noon()
    environ = {
        "MAIL_FROM": "shop@example.com",
        "HOLD_SECONDS": "0",
        "BULK_PER_SECOND": str(RATE),
        "SHOP_TIMEZONE": zone.key,
    }
    with letters.post_office() as office, state_directory() as state:
        environ["SMTP_URL"] = office.url
        with whole_service(state, **environ) as service:
            url = service.stores.database_url
            parts = letters.parts_of(service, state, environ)
            till = letters.Till(service, parts)
            letters.people(url, FIRST_NEWS, FIRST_NEWS + 2 * news, "received", till.key_id)
            letters.people(url, FIRST_DUE, FIRST_DUE + count - 1, "delivered", till.key_id)
            rest.wait_for_catch_up(service)  # by then the workers have started as well
            before = letters.tell(office, till, FIRST_NEWS, news, NEWS_PER_SECOND)
            bare = _timed(url, _BARE, count=count)
            _timed(url, _DUE, first=FIRST_DUE, last=FIRST_DUE + count - 1)
            turn = Round(parts.units, replace(parts.shop, timezone=zone))
            started = time.perf_counter()
            planned = turn.run()
            planning = time.perf_counter() - started
            beside = letters.tell(office, till, FIRST_NEWS + news, news, NEWS_PER_SECOND)
            rate = _rate(office)
            doubled = sum(len(moments) > 1 for moments in list(office.took.values()))
            _check(service, planned, count)
            started = time.perf_counter()
            again = turn.run()
            looking = time.perf_counter() - started
    return [
        Figure("reminders: planned", planned, "", at_least=count),
        Figure("reminders: planning", planning, "s", at_most=MOST_PLANNING),
        Figure("reminders: planning / as many bare rows", planning / bare, ""),
        Figure("reminders: the next round, which plans none of them again", looking, "s"),
        Figure("reminders: planned twice, sent twice", again + doubled, "", at_most=0),
        Figure(f"reminders: sent a second, of {RATE}", rate, "/s",
               at_least=LEAST_SHARE * RATE, at_most=RATE * 1.1),
        *letters.figures("reminders: status message before them", before, MOST_WAIT),
        *letters.figures("reminders: status message beside them", beside, MOST_WAIT),
    ]  # fmt: skip


def _rate(office: letters.PostOffice) -> float:
    """Follow-ups a second, from the first to the last that the mail server took."""
    moments = sorted(
        moments[0]
        for recipient, moments in list(office.took.items())
        if FIRST_DUE <= letters.number_of(recipient) < FIRST_NEWS
    )
    return (len(moments) - 1) / (moments[-1] - moments[0])


def _zone_at_noon() -> ZoneInfo:
    """Whose clock shows about noon now, so that the shop writes whenever the bench runs."""
    behind = (datetime.now(UTC).hour - 12 + 12) % 24 - 12
    return ZoneInfo(f"Etc/GMT{behind:+d}" if behind else "Etc/GMT")


def _timed(url: str, statements: str, **values: int) -> float:
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as db:
        started = time.perf_counter()
        db.execute(statements, values)
        db.commit()
        return time.perf_counter() - started


def _check(service: Service, planned: int, count: int) -> None:
    """Raises AssertionError unless each is planned once and none was lost."""
    with psycopg.connect(service.stores.database_url) as db:
        stored, dead = db.execute("""
            SELECT count(DISTINCT subject) FILTER (WHERE type = 'followup.due'),
                   count(*) FILTER (WHERE state = 'dead') FROM inbox""").fetchone()
    if (planned, stored, dead) != (count, count, 0):
        raise AssertionError(f"{planned} planned, {stored} stored, {dead} dead, of {count}")
