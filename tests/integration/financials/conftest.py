"""Books of the joined service."""

import pytest

from tests.integration.financials.books import Books


@pytest.fixture
def books(mendline):
    return Books(mendline)
