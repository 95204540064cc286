"""One running service for the whole folder; each test begins with nothing in it or the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import private_stores
from tests.faults import counting
from tests.faults.harness import Service


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with private_stores(durable=True) as stores:
        if stores.redis_url is None:
            pytest.skip("this machine has no Redis")
        service = Service(stores, Path(tmp_path_factory.mktemp("service")))
        try:
            service.open()
            yield service
        finally:
            service.close()


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    running.heal()
    running.wait_ready()
    counting.clear(running)
    yield running
    for role in running.roles:
        running.disarm(role)
