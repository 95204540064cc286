"""A shop with a thread and a repair in it, beside a sandbox Chatwoot and a stand-in Stripe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge import limits
from crm.repairs import links
from tests import builders
from tests.builders import STAFF
from tests.service import Service, running
from tests.standins.stripe.running import StandIn
from tests.standins.stripe.running import running as standing_in


@pytest.fixture(scope="session")
def _line() -> Iterator[StandIn]:
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def _joined(database_url: str, _line: StandIn) -> Iterator[Service]:
    with running(database_url, **_line.environ) as one:
        one.subscribe()
        yield one


@pytest.fixture
def stripe(_line: StandIn) -> StandIn:
    _line.empty()
    return _line


@pytest.fixture
def service(_joined: Service, stripe: StandIn, db: str) -> Service:
    def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        return _joined.post(body, headers, "/webhooks/stripe").status_code

    stripe.courier.post, stripe.courier.url = post, "http://localhost/webhooks/stripe"
    limits.limiter.reset()
    return _joined.emptied()


@pytest.fixture
def thread(service: Service) -> tuple[int, str]:
    """(number of the conversation, reference of its repair)"""
    number = service.open_thread()
    owner = service.one("SELECT customer_id FROM conversations")
    with service.units() as uow:
        repair = builders.repair(uow, owner, device="iPhone 13", currency="GBP")
        links.link(uow, repair, 1, owner, STAFF)
        ref = repair.ref
    service.settle()
    return number, ref
