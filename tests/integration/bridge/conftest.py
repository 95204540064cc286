"""The HTTP edge on a real database: one application, and callers of every role."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from bridge import limits
from bridge.context import Context
from bridge.settings import load
from bridge.web import create_app
from crm.core.events import SYSTEM
from crm.core.shop import Links, Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.staff import service
from jobs.queue import Doorbell

SECRET = "k3y-for-tests-that-is-long-enough-0123456789"


@dataclass
class Caller:
    """A client that sends one API key with every request."""

    client: FlaskClient
    key_id: str
    token: str

    def __call__(self, method: str, path: str, headers: dict | None = None, **kwargs):
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.client.open(path, method=method, headers=headers, **kwargs)


@pytest.fixture
def make_app(engine: Engine, rung: list, tmp_path: Path) -> Callable[..., Flask]:
    """An application; keyword arguments are environment variables."""

    def make(redis_url: str | None = None, **environ: str) -> Flask:
        settings = load({"SECRET_KEY": SECRET, "STATE_DIR": str(tmp_path), **environ})
        context = Context(
            settings=settings,
            engine=engine,
            units=Units(engine, ring=lambda inbox, outbox: rung.append((inbox, outbox))),
            seal=Seal([SECRET]),
            shop=Shop(
                name="Test Shop",
                timezone=ZoneInfo("Europe/London"),
                currency="GBP",
                locale="en",
                hold=timedelta(seconds=120),
                links=Links(settings.public_url, (SECRET,)),
            ),
            doorbell=Doorbell(redis_url),
            redis_url=redis_url,
        )
        app = create_app(context)
        # There is one limiter a process, and an earlier test may have taken its Redis away.
        limits.limiter._storage_dead = False
        if redis_url is None:
            limits.limiter.reset()
        return app

    return make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def units(app: Flask) -> Units:
    return app.extensions["mendline"].units


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def as_role(app: Flask, units: Units) -> Callable[[str], Caller]:
    """A caller with a fresh key of that role."""

    def make(role: str) -> Caller:
        with units() as uow:
            key = service.create_key(uow, Seal([SECRET]), SYSTEM, name=f"a {role}", role=role)
        return Caller(app.test_client(), key.id, key.key)

    return make


@pytest.fixture
def admin(as_role: Callable[[str], Caller]) -> Caller:
    return as_role("admin")
