"""Catalogue search at 5,000 and 50,000 models: what one request costs inside the service.

The models are the shipped ones and made-up variants of them with numbers of their own. Requests go
through the whole application one at a time, in the words people type: beginnings, whole names,
model numbers, slips of the pen, filters, and things that are not there. The plan of a search is
printed beside the figures.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, text

import app
from bench.figures import Figure
from bench.machinery import SECRET, migrated_stores, state_directory
from bridge.limits import limiter
from crm.catalog import service, words
from crm.catalog.kinds import MODELS
from crm.catalog.models import DeviceModel

SIZES = (5_000, 50_000)
CALLS = 600
WARM_UP = 60
MOST_MS = 10.0
MOST_GROWTH = 2.0
ADDRESS = "/api/v1/catalog/models"
QUERIES = (
    {"q": "i"}, {"q": "ip"}, {"q": "iphone"}, {"q": "iphone 15"}, {"q": "iphone 15 pro max"},
    {"q": "sam"}, {"q": "samsung galaxy s21"}, {"q": "galaxy"}, {"q": "s2"}, {"q": "5"},
    {"q": "A2338"}, {"q": "SM-G991B"}, {"q": "g991"}, {"q": "cuh"}, {"q": "thinkpad t480"},
    {"q": "ipone 12"}, {"q": "galxy s22 ultra"}, {"q": "makbook pro 2020"}, {"q": "playstaton"},
    {"q": "flux capacitor"}, {"q": "pro", "year_from": 2022}, {"q": "pixel", "brand": "Google"},
    {"category": "samsung-galaxy"}, {"brand": "apple", "year_to": 2018}, {"year_from": 2020}, {},
)  # fmt: skip
PLANNED = """SELECT id FROM catalog_models
WHERE retired_at IS NULL AND search @@ '(iphone:*) & (15:*)'::tsquery
ORDER BY year DESC, id DESC LIMIT 1000"""


@dataclass(frozen=True)
class Times:
    """Milliseconds of one size, sorted."""

    taken: list[float]

    def at(self, share: float) -> float:
        return self.taken[min(len(self.taken) - 1, int(share * len(self.taken)))]


def run(*, sizes: tuple[int, ...] = SIZES, calls: int = CALLS) -> list[Figure]:
    figures, worst = [], []
    with state_directory() as state, migrated_stores(state) as stores:
        environ = {"STATE_DIR": str(state), "CHATWOOT_WEBHOOK_SECRET": SECRET}
        parts = app.compose(app.load_settings(environ), stores.database_url, None)
        with parts.units() as uow:
            present = service.seed(uow)["models"]["added"]
        client = app.edge(parts).test_client()
        limiter.enabled = False
        for size in sizes:
            _fill(parts.engine, present, size)
            present = size
            times = _measure(client, calls)
            worst.append(times.at(0.99))
            print(f"search: plan at {size:,} models\n{_plan(parts.engine)}")
            figures += [
                Figure(f"search: median at {size:,} models", times.at(0.5), "ms"),
                Figure(f"search: p99 at {size:,} models", times.at(0.99), "ms",
                       at_most=MOST_MS if size == sizes[0] else None),
            ]  # fmt: skip
        parts.engine.dispose()
    growth = worst[-1] / worst[0]
    name = f"search: p99 at {sizes[-1]:,} against {sizes[0]:,} models"
    return [*figures, Figure(name, growth, "times", at_most=MOST_GROWTH)]


def _fill(engine: Engine, present: int, size: int) -> None:
    """Bring the number of models from `present` to `size`."""
    dice = random.Random(size)
    shipped = [row.values for row in service.shipped(MODELS)]
    rows = []
    for number in range(present, size):
        like = shipped[number % len(shipped)]
        made = {**like, "slug": f"{like['slug']}-v{number}", "name": f"{like['name']} V{number}",
                "model_numbers": [f"X{dice.randrange(10**6):06}"]}  # fmt: skip
        del made["is_retired"]
        made["words"] = words.of_model(
            made["brand"], made["name"], made["year"], made["model_numbers"]
        )
        rows.append(made)
    with engine.begin() as connection:
        for start in range(0, len(rows), 5000):
            connection.execute(insert(DeviceModel), rows[start : start + 5000])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE catalog_models"))


def _measure(client: FlaskClient, calls: int) -> Times:
    dice = random.Random(1)
    taken = []
    for number in range(WARM_UP + calls):
        query = QUERIES[number % len(QUERIES)] if number < WARM_UP else dice.choice(QUERIES)
        started = time.perf_counter()
        answer = client.get(ADDRESS, query_string=query)
        seconds = time.perf_counter() - started
        if answer.status_code != 200:
            raise RuntimeError(f"{query}: {answer.status_code} {answer.text}")
        if number >= WARM_UP:
            taken.append(1000 * seconds)
    return Times(sorted(taken))


def _plan(engine: Engine) -> str:
    with engine.connect() as connection:
        lines = connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS) {PLANNED}")).scalars()
        return "\n".join(f"  {line}" for line in lines)
