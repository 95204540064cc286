"""Cost as data grows: single calls at 1,000, 100,000 and 1,000,000 repairs and messages.

Each call goes through the whole application on a real database, one at a time, so that what is
compared is its own cost and not a queue. The plans of all its statements are looked at as well:
reading a big table from end to end fails the bench, whatever the time it took.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, event

import app
from bench import bodies, filling
from bench.bodies import ACCOUNT_ID, Thread
from bench.figures import Figure
from bench.machinery import SECRET, migrated_stores, state_directory
from chatwoot import context
from crm import threads
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.staff import service as staff

SIZES = (1_000, 100_000, 1_000_000)
CALLS = 400
WARM_UP = 50
MOST_GROWTH = 1.5

Call = Callable[[int], None]


@dataclass
class Plans:
    """whole: big tables that a statement reads from end to end. indexes: those it uses."""

    whole: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)

    def add(self, node: dict[str, Any]) -> None:
        # An index walked without a condition, rows filtered on the way, reads as much.
        walks = "Index" in node["Node Type"] and "Index Cond" not in node and "Filter" in node
        if node.get("Relation Name") in filling.BIG and (node["Node Type"] == "Seq Scan" or walks):
            self.whole.add(node["Relation Name"])
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        for child in node.get("Plans", ()):
            self.add(child)


def run(*, sizes: tuple[int, ...] = SIZES, calls: int = CALLS) -> list[Figure]:
    times: dict[str, list[float]] = {}
    figures = []
    with state_directory() as state, migrated_stores(state) as stores:
        environ = {"STATE_DIR": str(state), "CHATWOOT_WEBHOOK_SECRET": SECRET}
        parts = app.compose(app.load_settings(environ), stores.database_url, None)
        subjects = _subjects(parts)
        present = 0
        for size in sizes:
            filling.fill(stores.database_url, present, size)
            present = size
            people = random.Random(size).choices(range(1, size // filling.EACH + 1), k=calls)
            for name, call in subjects.items():
                times.setdefault(name, []).append(_median_seconds(call, people))
        for name, call in subjects.items():
            plans = _plans(parts.engine, call, people[0])
            print(f"{name}: {', '.join(sorted(plans.indexes))}")
            figures += _figures(name, times[name], sizes)
            whole = ", ".join(sorted(plans.whole)) or "none"
            figures.append(
                Figure(f"growth: {name}, whole tables read: {whole}", len(plans.whole), "",
                       at_most=0)
            )  # fmt: skip
        parts.engine.dispose()
    return figures


def _figures(name: str, seconds: list[float], sizes: tuple[int, ...]) -> Iterator[Figure]:
    for size, one in zip(sizes, seconds, strict=True):
        yield Figure(f"growth: {name} at {size:,}", one * 1000, "ms")
    yield Figure(
        f"growth: {name}, largest / smallest", seconds[-1] / seconds[0], "", at_most=MOST_GROWTH
    )


def _subjects(parts: app.Mendline) -> dict[str, Call]:
    """What is timed; each takes the number of a customer, who is also contact and conversation."""
    client = app.edge(parts).test_client()
    with parts.units() as uow:
        key = staff.create_key(uow, parts.seal, SYSTEM, name="bench", role="viewer").key
    message_ids = iter(range(100_000_000, 200_000_000))

    def acknowledge(number: int) -> None:
        body = bodies.message_created(Thread(number, number), next(message_ids))
        _expect(client.post(bodies.PATH, data=body, headers=bodies.headers(body, SECRET)), 202)

    def acknowledge_noise(number: int) -> None:
        body = bodies.contact_updated(Thread(number, number), next(message_ids))
        _expect(client.post(bodies.PATH, data=body, headers=bodies.headers(body, SECRET)), 202)

    def acknowledge_repeat(number: int) -> None:
        body = bodies.message_created(Thread(number, number), number)
        _expect(client.post(bodies.PATH, data=body, headers=bodies.headers(body, SECRET)), 200)

    def look_up(number: int) -> None:
        found = _get(client, key, f"/api/v1/tickets?conversation_id={number}")
        if len(found["data"]) != 1:
            raise AssertionError(found)

    def show_context(number: int) -> None:
        found = _get(client, key, f"/api/v1/customers/CUS-{number}/context")
        if len(found["repairs"]) != filling.EACH:
            raise AssertionError(found)

    def sync(number: int) -> None:
        with parts.units() as uow:
            customer = customers.by_ref(uow, f"CUS-{number}")
            repairs = threads.repairs_of_contact(uow, ACCOUNT_ID, number, customer.id)
            context.contact_attributes(parts.shop, customer, repairs)

    return {
        "acknowledgement": acknowledge,
        "acknowledgement by content": acknowledge_noise,
        "acknowledgement of a repeat": acknowledge_repeat,
        "ticket by conversation": look_up,
        "customer context": show_context,
        "contact sync": sync,
    }


def _get(client: FlaskClient, key: str, path: str) -> Any:
    return _expect(client.get(path, headers={"Authorization": f"Bearer {key}"}), 200).get_json()


def _expect(answer: Any, status: int) -> Any:
    if answer.status_code != status:
        raise AssertionError(f"{answer.status_code} {answer.get_data(as_text=True)}")
    return answer


def _median_seconds(call: Call, numbers: list[int]) -> float:
    for number in numbers[:WARM_UP]:
        call(number)
    seconds = []
    for number in numbers:
        started = time.perf_counter()
        call(number)
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _plans(engine: Engine, call: Call, number: int) -> Plans:
    with _statements(engine) as statements:
        call(number)
    plans = Plans()
    with engine.connect() as connection:
        for statement, values in statements:
            explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
            found = explained.scalar_one()
            plans.add((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
    return plans


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that leaves for the database meanwhile, with its values."""
    seen: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, values, execution, executemany) -> None:
        seen.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
