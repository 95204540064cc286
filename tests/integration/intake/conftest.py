"""The joined service, callers of every role, and repairs with and without a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests import builders
from tests.service import Service, running

Call = Callable[..., TestResponse]


@pytest.fixture(scope="session")
def _service(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        service.subscribe()
        yield service


@pytest.fixture
def mendline(_service: Service, db: str) -> Service:
    return _service.emptied()


@pytest.fixture
def role(mendline: Service) -> Callable[[str], Call]:
    """A caller with a fresh key of that role."""

    def make(name: str) -> Call:
        with mendline.units() as uow:
            key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name=f"a {name}", role=name)

        def call(method: str, path: str, headers: dict | None = None, **kwargs: Any):
            headers = {"Authorization": f"Bearer {key.key}", **(headers or {})}
            return mendline.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

        return call

    return make


@pytest.fixture
def bench(role: Callable[[str], Call]) -> Call:
    return role("technician")


@pytest.fixture
def repair(mendline: Service) -> str:
    """The reference of a repair nobody talks about."""
    with mendline.units() as uow:
        return builders.repair(uow, problem="Screen cracked").ref


@pytest.fixture
def thread(mendline: Service, role: Callable[[str], Call]) -> tuple[int, str]:
    """A conversation with one open repair, all quiet: (number, reference)."""
    number = mendline.open_thread()
    ticket = mendline.one("SELECT ref FROM tickets")
    body = {"device": "Pixel 8", "ticket": ticket}
    ref = role("desk")("POST", "/repairs", json=body).json["ref"]
    mendline.settle()
    return number, ref


def move(call: Call, ref: str, status: str, **more: Any) -> TestResponse:
    return call("POST", f"/repairs/{ref}/updates", json={"status": status, **more})


def answer(call: Call, ref: str, stage: str, result: str = "ok") -> TestResponse:
    """Answer every item of a stage."""
    stages = call("GET", f"/repairs/{ref}/checklist").json["stages"]
    items = next(one["items"] for one in stages if one["stage"] == stage)
    body = [{"stage": stage, "slug": item["slug"], "result": result} for item in items]
    return call("PATCH", f"/repairs/{ref}/checklist", json={"items": body})
