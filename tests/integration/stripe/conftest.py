"""The service of one shop that takes cards, over the stand-in Stripe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

import app as composition
from bridge.settings import load
from tests.standins.stripe.running import StandIn
from tests.standins.stripe.running import running as standing_in
from tests.till import Till

ENVIRON = {
    "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    "SHOP_NAME": "Quay Phones",
    "HOLD_SECONDS": "0",
    "SETTLE_SECONDS": "0",
    "RETRY_LADDER": "60,60,60",
    "OUTGOING_TIMEOUT_SECONDS": "0.5",
}


@pytest.fixture(scope="session")
def line() -> Iterator[StandIn]:
    with standing_in() as stand_in:
        stand_in.faults.seconds = 1.0
        yield stand_in


@pytest.fixture
def stripe(line: StandIn) -> StandIn:
    line.empty()
    return line


@pytest.fixture(scope="session")
def shop(
    database_url: str, line: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[composition.Mendline, FlaskClient]]:
    state_dir = str(tmp_path_factory.mktemp("state"))
    settings = load(ENVIRON | line.environ | {"STATE_DIR": state_dir})
    parts = composition.compose(settings, database_url, None)
    yield parts, composition.edge(parts).test_client()
    parts.engine.dispose()


@pytest.fixture
def till(
    db: str, shop: tuple[composition.Mendline, FlaskClient], stripe: StandIn
) -> Iterator[Till]:
    parts, http = shop
    yield Till(parts, stripe, http)
