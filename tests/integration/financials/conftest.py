"""The same joined service and callers as the intake tests."""

import pytest

from tests.integration.financials.books import Books
from tests.integration.intake.conftest import (  # noqa: F401
    _service,
    mendline,
    repair,
    role,
)


@pytest.fixture
def manager(role):  # noqa: F811
    return role("manager")


@pytest.fixture
def bench(role):  # noqa: F811
    return role("technician")


@pytest.fixture
def books(mendline):  # noqa: F811
    return Books(mendline)
