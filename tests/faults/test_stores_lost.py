"""Redis or PostgreSQL goes away while work is under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conftest import private_stores
from tests.faults import counting
from tests.faults.harness import Service, eventually
from tests.faults.playing import afternoon, settle_and_count


def test_redis_is_emptied_and_restarted_under_way(service: Service) -> None:
    for number in range(4):
        afternoon(service, f"before {number}")
    service.stores.restart_redis(empty=True)
    for number in range(4):
        afternoon(service, f"after {number}")
    settle_and_count(service, conversations=8)


def test_workers_answer_rings_again_after_redis_came_back(service: Service) -> None:
    """The scheduler would run everything late; a worker that never returns would not be noticed."""
    service.stores.restart_redis(empty=True)
    service.stop("scheduler")
    _, number = service.writes("rung for", "Is it ready?")

    def is_taken_in() -> bool:
        with service.parts.engine.connect() as connection:
            found = "SELECT count(*) FROM conversations WHERE number = :number"
            return bool(connection.execute(text(found), {"number": number}).scalar())

    eventually(is_taken_in, "a worker answered the ring", 15)


def test_postgres_crashes_under_way(service: Service) -> None:
    """Account events that met no database are lost as with Chatwoot, and found by reconciling."""
    for number in range(3):
        afternoon(service, f"before {number}")
    crash = threading.Timer(0.3, service.stores.postgres.stop, kwargs={"crash": True})
    crash.start()
    for number in range(2):
        service.writes(f"during {number}", "Hello?")
    crash.join()
    service.stores.postgres.start()
    service.parts.engine.dispose()
    for number in range(3):
        afternoon(service, f"after {number}")
    settle_and_count(service, conversations=8)
    assert all(process.poll() is None for process in service.processes.values())


@pytest.fixture
def without_redis(tmp_path: Path) -> Iterator[Service]:
    with private_stores(durable=True) as stores:
        service = Service(stores, tmp_path, with_redis=False)
        try:
            service.open()
            yield service
        finally:
            service.close()


def test_redis_is_away_the_whole_time(without_redis: Service) -> None:
    without_redis.arm("scheduler", 150)
    for number in range(5):
        afternoon(without_redis, f"no redis {number}")
    counting.eventually(lambda: without_redis.disarm("scheduler"), "the scheduler was killed")
    without_redis.heal()
    settle_and_count(without_redis, conversations=5)
    assert without_redis.stop("scheduler") == 0
