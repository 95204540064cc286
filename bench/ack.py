"""Acknowledgement: deliveries per second, against the floor in the same run and with all at work.

Both routes are served by the same gunicorn settings on the same PostgreSQL, loaded by the same
client in turns, so that a slow moment of the machine meets both. No worker and no scheduler runs
beside them; a second part repeats the load on the whole service.
"""

from __future__ import annotations

from statistics import median

import psycopg

from bench import rest
from bench.bodies import Thread
from bench.client import Outcome, Traffic, send
from bench.figures import Figure
from bench.floor import TABLE
from bench.machinery import SECRET, migrated_stores, served, state_directory, whole_service

LEAST_RATIO = 0.7
WARM_UP = 500
ELSEWHERE = tuple(Thread(number, number) for number in range(1, 501))


def run(*, rounds: int = 6, count: int = 4000) -> list[Figure]:
    return _against_floor(rounds, count) + _with_everything(count)


def _against_floor(rounds: int, count: int) -> list[Figure]:
    floors, ours = [], []
    with state_directory() as state, migrated_stores(state) as stores:
        with psycopg.connect(stores.database_url) as connection:
            connection.execute(TABLE)
        first_id = 1
        with (
            served("bench.floor:app()", stores, state) as floor_port,
            served("app:web()", stores, state) as port,
        ):
            for number in range(rounds + 1):
                # The first round only warms up.
                size = count if number else WARM_UP
                for one_port, outcomes in ((floor_port, floors), (port, ours)):
                    traffic = Traffic(one_port, SECRET, ELSEWHERE, first_id, size)
                    outcomes.append(_accepted(send(traffic), size))
                first_id += size
        with psycopg.connect(stores.database_url) as connection:
            stored = connection.execute("SELECT count(*) FROM inbox").fetchone()[0]
    if stored != first_id - 1:
        raise AssertionError(f"{first_id - 1} accepted, {stored} stored")
    floors, ours = floors[1:], ours[1:]
    ratios = [mine.per_second / floor.per_second for floor, mine in zip(floors, ours, strict=True)]
    return [
        Figure("ack: floor, deliveries a second", median(o.per_second for o in floors), "/s"),
        Figure("ack: ours, deliveries a second", median(o.per_second for o in ours), "/s"),
        Figure("ack: lowest ratio of a pair", min(ratios), ""),
        Figure("ack: highest ratio of a pair", max(ratios), ""),
        Figure("ack: median ratio of the pairs", median(ratios), "", at_least=LEAST_RATIO),
    ]


def _with_everything(count: int) -> list[Figure]:
    """As many deliveries while workers, scheduler and sandbox share the machine."""
    with state_directory() as state, whole_service(state) as service:
        threads = rest.quiet_threads(service, count // 10)
        outcome = _accepted(
            send(Traffic(service.port, SECRET, threads, rest.FIRST_ID, count)), count
        )
    return [Figure("ack: ours beside 2 workers at work", outcome.per_second, "/s")]


def _accepted(outcome: Outcome, count: int) -> Outcome:
    if outcome.statuses != {202: count}:
        raise AssertionError(f"not every delivery was accepted: {dict(outcome.statuses)}")
    return outcome
