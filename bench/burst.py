"""A burst through the whole service until all is at rest, with one worker and with two.

Three bursts: customers of the sandbox who all write at once, with the default rate of calls to
Chatwoot; and 1,000 new contacts with a conversation each, once with the default rate and once
with that rate lifted, where the machine itself is the limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import rest
from bench.client import Traffic, send
from bench.figures import Figure
from bench.machinery import SECRET, Service, state_directory, whole_service

MOST_SECONDS = 60.0
PATIENCE_SECONDS = 400.0
MESSAGES_EACH = 3
DELIVERIES_OF_ONE = 10  # what one customer with so many messages causes, echoes included
LIFTED = {"CHATWOOT_RATE_PER_SECOND": "1000"}


def run(*, count: int = 1000) -> list[Figure]:
    return [
        *_compare("customers writing", _customers, count, MOST_SECONDS),
        *_compare("new contacts, rate lifted", _strangers, count, None, **LIFTED),
    ]


def _customers(service: Service, count: int) -> tuple[float, int]:
    """About `count` deliveries of all kinds. Returns when they began, and how many messages."""
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
    most_seconds: float | None,
    **env: str,
) -> list[Figure]:
    seconds, figures = [], []
    for workers in (1, 2):
        with state_directory() as state, whole_service(state, workers=workers, **env) as service:
            started, said = burst(service, count)
            seconds.append(rest.wait(service, PATIENCE_SECONDS) - started)
            found = rest.check(service, said=said)
        figures.append(
            Figure(f"burst: {name}, {workers} worker(s)", seconds[-1], "s", at_most=most_seconds)
        )
    return [
        *figures,
        Figure(f"burst: {name}, deliveries", found.inbox, ""),
        Figure(f"burst: {name}, effects", found.effects, ""),
        Figure(f"burst: {name}, time with 2 workers / with 1", seconds[1] / seconds[0], "",
               at_most=1),
    ]  # fmt: skip
