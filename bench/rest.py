"""When everything that was delivered has had its effect, and whether nothing was lost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from bench.bodies import Thread
from bench.machinery import Service

FIRST_ID = 10_000_000  # far above the ids that the sandbox gives
LOOK_SECONDS = 0.25

_UNFINISHED = """
    SELECT (SELECT count(*) FROM inbox WHERE state IN ('pending', 'running'))
         + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'unsure'))"""
_TALLY = """
    SELECT (SELECT count(*) FROM inbox),
           (SELECT count(*) FROM inbox WHERE type = 'message_created'),
           (SELECT count(*) FROM ticket_messages WHERE author_kind = 'customer'),
           (SELECT count(*) FROM inbox WHERE state = 'dead')
               + (SELECT count(*) FROM outbox WHERE state = 'dead'),
           (SELECT count(*) FROM outbox WHERE state = 'done'),
           (SELECT count(*) FROM conversations),
           (SELECT count(DISTINCT ticket_id) FROM conversations),
           (SELECT count(*) FROM tickets),
           (SELECT count(*) FROM inbox WHERE attempts > 1)"""


@dataclass(frozen=True)
class Tally:
    """delivered: messages as rows of the inbox. said: customers' messages in tickets.

    repeated: deliveries that were put back, and run again, at least once.
    """

    inbox: int
    delivered: int
    said: int
    dead: int
    effects: int
    conversations: int
    tickets_bound: int
    tickets: int
    repeated: int


def quiet_threads(service: Service, count: int) -> tuple[Thread, ...]:
    """New conversations in the sandbox whose own news is dropped: we hear of them by our client."""
    wait_for_catch_up(service)
    service.play("PUT", "/faults", {"webhook_drop": 1})
    numbers = service.play("POST", "/burst", {"conversations": count, "messages_each": 1})
    _wait_for_courier(service, time.monotonic() + 60)
    service.play("PUT", "/faults", {"webhook_drop": 0})
    state = service.play("GET", "/state")
    contacts = {
        number: contact["id"]
        for contact in state["contacts"]
        for number in contact["conversation_ids"]
    }
    return tuple(Thread(number, contacts[number]) for number in numbers["conversations"])


def wait(service: Service, patience_seconds: float) -> float:
    """Until sandbox, inbox and outbox are at rest. Returns that moment (time.monotonic).

    Raises TimeoutError with what is left.
    """
    deadline = time.monotonic() + patience_seconds
    with psycopg.connect(service.stores.database_url, autocommit=True) as connection:
        while True:
            at_rest_since = time.monotonic()
            _wait_for_courier(service, deadline)
            left = connection.execute(_UNFINISHED).fetchone()[0]
            # An effect of ours makes the sandbox announce something new.
            if left == 0 and service.play("GET", "/deliveries?limit=1")["pending"] == 0:
                return at_rest_since
            if time.monotonic() > deadline:
                raise TimeoutError(f"{left} rows unfinished after {patience_seconds:g} seconds")
            time.sleep(LOOK_SECONDS)


def tally(service: Service) -> Tally:
    with psycopg.connect(service.stores.database_url) as connection:
        return Tally(*connection.execute(_TALLY).fetchone())


def check(service: Service, *, said: int) -> Tally:
    """Raises AssertionError unless every message said is there, once, with one ticket a thread."""
    found = tally(service)
    conversations = service.play("GET", "/state")["counts"]["conversations"]
    wanted = (said, 0, conversations, conversations, conversations)
    seen = (found.said, found.dead, found.conversations, found.tickets_bound, found.tickets)
    if seen != wanted:
        raise AssertionError(f"{said} messages, {conversations} conversations, found {found}")
    return found


def wait_for_catch_up(service: Service) -> None:
    """Until the comparison with Chatwoot at start is over; it would find what nobody told us."""
    deadline = time.monotonic() + 60
    query = "SELECT 1 FROM schedules WHERE name = 'chatwoot.reconcile' AND finished_at IS NOT NULL"
    with psycopg.connect(service.stores.database_url, autocommit=True) as connection:
        while connection.execute(query).fetchone() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the comparison at start did not end")
            time.sleep(LOOK_SECONDS)


def _wait_for_courier(service: Service, deadline: float) -> None:
    while service.play("GET", "/deliveries?limit=1")["pending"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the sandbox did not get rid of its deliveries")
        time.sleep(LOOK_SECONDS)
