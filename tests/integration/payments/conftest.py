"""Payments on the real database: units with the ledger's own reactions, a repair, a provider, callers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from bridge import limits
from bridge.context import Context
from bridge.settings import load
from bridge.web import create_app
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.core.shop import Links, Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.payments import posting
from crm.repairs.models import Repair
from crm.staff import service as staff
from jobs.queue import Doorbell
from tests import builders
from tests.provider import FakeProvider

SECRET = "k3y-for-tests-that-is-long-enough-0123456789"
Call = Callable[..., object]


@pytest.fixture
def units(db: str) -> Iterator[Units]:
    engine = make_engine(db)
    yield Units(engine, posting.table())
    engine.dispose()


@pytest.fixture
def repair(units: Units) -> Repair:
    with units() as uow:
        customer = builders.customer(uow)
        return builders.repair(uow, customer.id, currency="GBP")


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def context(units, provider, tmp_path: Path) -> Context:
    settings = load({"SECRET_KEY": SECRET, "STATE_DIR": str(tmp_path)})
    shop = Shop("Quay Phones", ZoneInfo("Europe/London"), "GBP", "en", timedelta(),
                Links(settings.public_url, (SECRET,)))  # fmt: skip
    return Context(settings, units.engine, units, Seal([SECRET]), shop, Doorbell(None),
                   payments=provider)  # fmt: skip


@pytest.fixture
def caller(context, units) -> Callable[..., Call]:
    """role -> a function that calls the API; with other parts of the context if wished."""

    def make(role: str = "desk", **parts) -> Call:
        client: FlaskClient = create_app(dataclasses.replace(context, **parts)).test_client()
        limits.limiter.reset()
        with units() as uow:
            key = staff.create_key(uow, context.seal, SYSTEM, name=f"a {role}", role=role).key

        def call(method: str, path: str, body=None, **headers):
            headers = {"Authorization": f"Bearer {key}"} | headers
            return client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

        return call

    return make


@pytest.fixture
def desk(caller) -> Call:
    return caller()
