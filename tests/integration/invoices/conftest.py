"""The same joined service and callers as the intake tests."""

import pytest

from tests.integration.intake.conftest import (  # noqa: F401
    _service,
    mendline,
    repair,
    role,
)

FACTS = {
    "legal_name": "Harbour Phones Limited",
    "address": ["12 Quay Street", "Harbour Town"],
    "vat_number": "GB123456789",
    "company_number": "01234567",
    "bank": "Sort code 00-00-00, account 12345678",
}
LINE = {"label": "Screen", "unit_minor": 12000}


@pytest.fixture
def desk(role):  # noqa: F811
    return role("desk")


@pytest.fixture
def manager(role):  # noqa: F811
    return role("manager")


@pytest.fixture
def registered(manager):
    """The company's facts are stored."""
    assert manager("PUT", "/company", json=FACTS).status_code == 200
