"""The joined service and its callers; and whatever is made messages of is what the samples say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from bridge import limits
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.notifications import samples, texts
from crm.staff import service as staff
from tests import builders, post
from tests.post import PostOffice
from tests.service import Service, running

Call = Callable[..., TestResponse]

# Only where the code is kept, or somebody else's repairs are shown, is there more to tell.
SOMETIMES = {
    "note_code_hidden": {"ref", "device", "status", "link"},
    "note_customer_texted": {"media"},
}


class Composed(logging.Handler):
    """names: of the messages that were made. lies: of the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.lies: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        path, given = record.args
        name, _, channel = path.partition("/")[2].partition(".")
        self.names.add(name)
        if channel == "subject":
            return
        if name not in samples.names():
            self.lies.append(f"{name} has no sample")
            return
        told, given = set(samples.sample(name, texts.FALLBACK)), set(given)
        if lacking := told - given - SOMETIMES.get(name, set()):
            self.lies.append(f"{name} was not given {sorted(lacking)}")
        # Notes for agents are given all that is at hand.
        if not name.startswith("note_") and (more := given - told):
            self.lies.append(f"the sample of {name} lacks {sorted(more)}")


@pytest.fixture(autouse=True)
def composed() -> Iterator[Composed]:
    log, handler = texts.log, Composed()
    before = log.level, log.disabled
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.disabled = False
    yield handler
    log.removeHandler(handler)
    log.level, log.disabled = before
    assert not handler.lies, "crm/notifications/data/samples.yaml: " + "; ".join(handler.lies)


@pytest.fixture(scope="session")
def _service(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        service.subscribe()
        yield service


@pytest.fixture
def mendline(_service: Service, db: str) -> Service:
    limits.limiter.reset()
    _service.http = _service.app.test_client()
    return _service.emptied()


@pytest.fixture
def role(mendline: Service) -> Callable[[str], Call]:
    """A caller with a fresh key of that role; its `key_id` is the key's."""

    def make(name: str) -> Call:
        with mendline.units() as uow:
            key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name=f"a {name}", role=name)

        def call(method: str, path: str, headers: dict | None = None, **kwargs: Any):
            headers = {"Authorization": f"Bearer {key.key}", **(headers or {})}
            return mendline.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

        call.key_id = key.id
        return call

    return make


@pytest.fixture
def desk(role: Callable[[str], Call]) -> Call:
    return role("desk")


@pytest.fixture
def manager(role: Callable[[str], Call]) -> Call:
    return role("manager")


@pytest.fixture
def bench(role: Callable[[str], Call]) -> Call:
    return role("technician")


@pytest.fixture
def repair(mendline: Service) -> str:
    """The reference of a repair nobody talks about."""
    with mendline.units() as uow:
        return builders.repair(uow, problem="Screen cracked").ref


@pytest.fixture
def thread(mendline: Service, desk: Call) -> tuple[int, str]:
    """A conversation with one open repair, all quiet: (number, reference)."""
    number = mendline.open_thread()
    body = {"device": "Pixel 8", "ticket": mendline.one("SELECT ref FROM tickets")}
    ref = desk("POST", "/repairs", json=body).json["ref"]
    mendline.settle()
    return number, ref


@pytest.fixture(scope="session")
def _post() -> Iterator[PostOffice]:
    with post.opened() as office:
        yield office


@pytest.fixture
def engine(db: str) -> Iterator[Engine]:
    engine = make_engine(db)
    yield engine
    engine.dispose()


@pytest.fixture
def rung() -> list[tuple[list[int], list[int]]]:
    """Every ring of the doorbell: (inbox ids, outbox ids)."""
    return []
