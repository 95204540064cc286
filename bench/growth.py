"""Cost as data grows: single calls at 1,000, 100,000 and 1,000,000 repairs and messages.

Each call goes through the whole application on a real database, one at a time, so that what is
compared is its own cost and not a queue. The plans of all its statements are looked at as well:
reading a big table from end to end fails the bench, whatever the time it took.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from flask.testing import FlaskClient

import app
from bench import bodies, filling, plans
from bench.bodies import ACCOUNT_ID, Thread
from bench.figures import Figure
from bench.machinery import SECRET, migrated_stores, state_directory
from chatwoot import context
from crm import threads
from crm.billing import standing
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.staff import service as staff

SIZES = (1_000, 100_000, 1_000_000)
CALLS = 400
WARM_UP = 50
MOST_GROWTH = 1.5

Call = Callable[[int], None]


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
            found = plans.of(parts.engine, filling.BIG, partial(call, people[0]))
            print(f"{name}: {', '.join(sorted(found.indexes))}")
            figures += _figures(name, times[name], sizes)
            whole = ", ".join(sorted(found.whole)) or "none"
            figures.append(
                Figure(f"growth: {name}, whole tables read: {whole}", len(found.whole), "",
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
            still_open = standing.of_repairs(uow, repairs, parts.shop.locale)
            context.contact_attributes(parts.shop, customer, repairs, still_open)

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
