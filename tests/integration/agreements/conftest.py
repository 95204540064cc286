"""The joined service, a repair in a customer's thread, and callers of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge import limits
from crm.core.events import SYSTEM
from crm.staff import service as staff
from crm.staff import sessions
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
    limits.limiter.reset()
    _service.http = _service.app.test_client()
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
def desk(role: Callable[[str], Call]) -> Call:
    return role("desk")


@pytest.fixture
def repair(mendline: Service) -> str:
    """The reference of a repair nobody talks about."""
    with mendline.units() as uow:
        return builders.repair(uow, problem="Screen cracked").ref


@pytest.fixture
def session_of(mendline: Service) -> Callable[[str], FlaskClient]:
    """A browser with the session of somebody of that role."""

    def make(name: str) -> FlaskClient:
        with mendline.units() as uow:
            person = staff.create_staff(
                uow, SYSTEM, email=f"{name}@shop.example", name="Rosa Lindgren", role=name
            )
            session = sessions.sign_in(uow, sessions.create_link(uow, SYSTEM, person))
        client = mendline.app.test_client()
        client.set_cookie("mendline", session)
        return client

    return make


@pytest.fixture
def signed_in(session_of: Callable[[str], FlaskClient]) -> FlaskClient:
    """A browser with the session of somebody at the desk."""
    return session_of("desk")


@pytest.fixture
def link(desk: Call, repair: str) -> str:
    """The path of a fresh link to sign the drop-off terms."""
    return path_of(asked(desk, repair))


def asked(call: Call, repair: str, purpose: str = "drop_off", **more: Any) -> dict[str, Any]:
    made = call("POST", f"/repairs/{repair}/agreements", json={"purpose": purpose, **more})
    assert made.status_code == 201, made.text
    return made.json


def path_of(made: dict[str, Any]) -> str:
    return urlsplit(made["url"]).path


def filled(page: str, **typed: str) -> dict[str, str]:
    """The form of a page as a browser sends it."""
    hidden = {name: page.split(f'name="{name}" value="')[1].split('"')[0]
              for name in ("digest", "locale")}  # fmt: skip
    return {**hidden, "name": "Ilse Brandt", "consent": "yes", **typed}


def signs(mendline: Service, path: str, **typed: str) -> TestResponse:
    """Read the page and send its form."""
    return mendline.http.post(path, data=filled(mendline.http.get(path).text, **typed))
