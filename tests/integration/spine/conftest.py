"""The joined service: with signed webhooks (4.14), and by address with hints only (3.9).

Each is built once a worker; a test gets it with an empty database and a sandbox without customers.
"""

from collections.abc import Iterator

import pytest

from tests.service import Service, running

TOKEN = "address-token-of-thirty-two-signs"


@pytest.fixture(scope="session")
def _signed(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        service.subscribe()
        yield service


@pytest.fixture(scope="session")
def _holding(database_url: str) -> Iterator[Service]:
    with running(database_url, HOLD_SECONDS="120") as service:
        service.subscribe()
        yield service


@pytest.fixture
def mendline(_signed: Service, db: str) -> Service:
    return _signed.emptied()


@pytest.fixture
def holding(_holding: Service, db: str) -> Service:
    """A shop whose staff may take messages back for a while."""
    return _holding.emptied()


@pytest.fixture
def elder(db: str) -> Iterator[Service]:
    """Beside Chatwoot 3.9, which does not sign and has no `updated_at`."""
    with running(db, version="3.9.0", CHATWOOT_WEBHOOK_TOKEN=TOKEN) as service:
        service.subscribe(f"/webhooks/chatwoot/{TOKEN}")
        yield service
