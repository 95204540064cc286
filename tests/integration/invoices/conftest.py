"""Facts of a company."""

import pytest

FACTS = {
    "legal_name": "Harbour Phones Limited",
    "address": ["12 Quay Street", "Harbour Town"],
    "vat_number": "GB123456789",
    "company_number": "01234567",
    "bank": "Sort code 00-00-00, account 12345678",
}
LINE = {"label": "Screen", "unit_minor": 12000}


@pytest.fixture
def registered(manager):
    """The company's facts are stored."""
    assert manager("PUT", "/company", json=FACTS).status_code == 200
