"""SIGTERM: finish what is at work, give the rest back, exit 0."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from tests.faults import counting
from tests.faults.harness import Service, eventually
from tests.faults.playing import afternoon, settle_and_count


def sending(service: Service) -> bool:
    with service.parts.engine.connect() as connection:
        return bool(connection.execute(
            text("SELECT count(*) FROM outbox WHERE state = 'sending'")).scalar())  # fmt: skip


def test_a_worker_finishes_its_call_and_leaves_no_lease(service: Service) -> None:
    service.faults(api_hang_seconds=1)
    afternoon(service, "stopped")
    eventually(lambda: sending(service), "a call is under way")
    started = time.monotonic()
    assert service.stop("worker") == 0
    assert time.monotonic() - started < 8
    assert not sending(service)
    service.faults(api_hang_seconds=0)
    service.heal()
    settle_and_count(service, conversations=1)
    with service.parts.engine.connect() as connection:
        lost = connection.execute(text("SELECT sum(lost_leases) FROM outbox")).scalar()
    assert lost == 0


@pytest.mark.parametrize("role", ["web", "worker", "scheduler"])
def test_an_idle_process_stops_at_once(service: Service, role: str) -> None:
    counting.rest(service)
    time.sleep(0.5)
    started = time.monotonic()
    assert service.stop(role) == 0
    # The web part lets idle connections run out first: gunicorn's keepalive is 5 s.
    assert time.monotonic() - started < 12


def test_a_worker_stops_while_redis_is_away(service: Service) -> None:
    service.stores.redis.stop()
    try:
        time.sleep(1.5)
        started = time.monotonic()
        assert service.stop("worker") == 0
        assert time.monotonic() - started < 5
    finally:
        service.stores.redis.start()
