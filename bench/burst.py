"""A burst through the whole service until all is at rest, with one worker and with two.

Customers of the sandbox who all write at once, with the default rate of calls to Chatwoot; and as
many new contacts with a conversation each as there are deliveries, with that rate lifted, where
the machine itself is the limit. Both numbers of workers take turns, from an empty database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from bench import rest
from bench.client import Traffic, send
from bench.figures import Figure
from bench.machinery import SECRET, Service, state_directory, whole_service

MOST_SECONDS = 60.0
PATIENCE_SECONDS = 400.0
MESSAGES_EACH = 3
DELIVERIES_OF_ONE = 10  # what one customer with so many messages causes, echoes included
LIFTED = {"CHATWOOT_RATE_PER_SECOND": "1000"}


def run(*, count: int = 1000, rounds: int = 3) -> list[Figure]:
    return [
        *_compare("customers writing", _customers, count, rounds, MOST_SECONDS),
        *_compare("new contacts, rate lifted", _strangers, count, 1, None, **LIFTED),
    ]


def _customers(service: Service, count: int) -> tuple[float, int]:
    """About `count` deliveries of all kinds. Returns when they began, and how many messages."""
    rest.wait_for_catch_up(service)  # by then the workers have started as well
    conversations = count // DELIVERIES_OF_ONE
    started = time.monotonic()
    sizes = {"conversations": conversations, "messages_each": MESSAGES_EACH}
    return started, service.play("POST", "/burst", sizes)["messages"]


def _strangers(service: Service, count: int) -> tuple[float, int]:
    """`count` first messages, each of a contact and a conversation we do not know."""
    threads = rest.quiet_threads(service, count)
    started = time.monotonic()
    outcome = send(Traffic(service.port, SECRET, threads, rest.FIRST_ID, count))
    return started, outcome.statuses[202]


def _compare(
    name: str,
    burst: Callable[[Service, int], tuple[float, int]],
    count: int,
    rounds: int,
    most_seconds: float | None,
    **env: str,
) -> list[Figure]:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, times in seconds.items():
            with (
                state_directory() as state,
                whole_service(state, workers=workers, **env) as service,
            ):
                started, said = burst(service, count)
                times.append(rest.wait(service, PATIENCE_SECONDS) - started)
                found = rest.check(service, said=said)
    one, two = (median(times) for times in seconds.values())
    return [
        Figure(f"burst: {name}, 1 worker", one, "s", at_most=most_seconds),
        Figure(f"burst: {name}, 2 workers", two, "s", at_most=most_seconds),
        Figure(f"burst: {name}, time with 2 workers / with 1", two / one, "", at_most=1),
        Figure(f"burst: {name}, deliveries", found.inbox, ""),
        Figure(f"burst: {name}, effects", found.effects, ""),
        Figure(f"burst: {name}, deliveries run more than once", found.repeated, ""),
    ]
