"""From `app.py up` to ready, with a fresh state directory and with one that has been used."""

from __future__ import annotations

import time
from statistics import median

from bench.figures import Figure
from bench.machinery import state_directory, whole_service

MOST_SECONDS = 5.0


def run(*, times: int = 5) -> list[Figure]:
    fresh, again = [], []
    for _ in range(times):
        with state_directory() as state:
            for seconds in (fresh, again):
                started = time.monotonic()
                with whole_service(state):
                    seconds.append(time.monotonic() - started)
    return [
        Figure("start: fresh state directory", median(fresh), "s", at_most=MOST_SECONDS),
        Figure("start: used state directory", median(again), "s", at_most=MOST_SECONDS),
    ]
