"""Numbers without gaps while many issue at once, and documents that the database keeps as they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm.core import clock
from crm.core.errors import Conflict
from crm.core.money import Line
from crm.invoices import company, pdf, queries, service
from crm.invoices.models import Invoice
from crm.invoices.service import Credited, NewInvoice, PaidFacts
from tests import builders

NEW = NewInvoice((Line("Screen", 12000, "standard", 2000),), "GBP", "en")


class Thrown(Exception):
    """The unit is rolled back on purpose."""


def numbers(mendline, kind="invoice"):
    with mendline.units() as uow:
        query = "SELECT number FROM invoices WHERE kind = :kind ORDER BY number"
        return list(uow.session.execute(text(query), {"kind": kind}).scalars())


def test_fifty_at_once_leave_no_gap(mendline):
    def issue(n: int) -> bool:
        try:
            with mendline.units() as uow:
                service.issue(uow, mendline.parts.shop, NEW, builders.STAFF)
                if n % 4 == 0:
                    raise Thrown
        except Thrown:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        issued = sum(pool.map(issue, range(50)))
    year = clock.now().astimezone(mendline.parts.shop.timezone).year
    assert issued == 37
    assert numbers(mendline) == [f"INV-{year}-{n:06}" for n in range(1, 38)]


def test_each_kind_and_year_counts_by_itself(mendline, monkeypatch):
    shop = replace(mendline.parts.shop, timezone=ZoneInfo("Asia/Tokyo"))
    # The shop's year begins while it is still the old one in UTC.
    for moment in (
        datetime(2026, 12, 31, 14, 59, tzinfo=UTC),
        datetime(2026, 12, 31, 15, tzinfo=UTC),
    ):
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        with mendline.units() as uow:
            invoice = service.issue(uow, shop, NEW, builders.STAFF)
            service.credit(uow, shop, invoice.id, [Credited(0, 100)], "x", builders.STAFF)
    assert numbers(mendline) == ["INV-2026-000001", "INV-2027-000001"]
    assert numbers(mendline, "credit_note") == ["CRN-2026-000001", "CRN-2027-000001"]


def test_two_credit_notes_at_once_never_exceed(mendline):
    shop = mendline.parts.shop
    with mendline.units() as uow:
        repair = builders.repair(uow)
        invoice = service.issue(uow, shop, replace(NEW, repair_id=repair.id), builders.STAFF)

    def credit(_: int) -> bool:
        try:
            with mendline.units() as uow:
                service.credit(uow, shop, invoice.id, [Credited(0, 5000)], "x", builders.STAFF)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(credit, range(8))) == 2
    with mendline.units() as uow:
        assert queries.credited(uow, invoice.id) == {0: 10000}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET total_minor = 1",
        "UPDATE invoices SET content = '{}'",
        "UPDATE invoices SET customer_id = NULL, number = 'X'",
        "DELETE FROM invoices",
        "UPDATE invoice_files SET pdf = ''",
        "DELETE FROM invoice_files",
    ],
)
def test_the_database_refuses_changes(mendline, statement):
    with mendline.units() as uow:
        invoice = service.issue(uow, mendline.parts.shop, NEW, builders.STAFF)
        pdf.of(uow, invoice)
    with pytest.raises(DBAPIError, match="an issued document is final"), mendline.units() as uow:
        uow.session.execute(text(statement))


def test_the_file_is_drawn_once(mendline):
    with mendline.units() as uow:
        invoice = service.issue(uow, mendline.parts.shop, NEW, builders.STAFF)
        first = pdf.of(uow, invoice)
    with mendline.units() as uow:
        company.put(uow, company.Facts("Other Limited"), builders.STAFF)
        assert pdf.of(uow, uow.session.get_one(Invoice, invoice.id)) == first


def test_a_receipt_is_given_once(mendline):
    paid = PaidFacts(7, "PAY-2611-ABCDE", 5000, "GBP", "cash", None, None, clock.now())
    with mendline.units() as uow:
        one = service.receipt(uow, mendline.parts.shop, paid, "pt", builders.STAFF)
        assert one.number.startswith("RCT-") and (one.total_minor, one.tax_minor) == (5000, 0)
        assert pdf.of(uow, one).startswith(b"%PDF")
    with mendline.units() as uow:
        again = service.receipt(uow, mendline.parts.shop, paid, "pt", builders.STAFF)
        assert again.id == one.id
    assert len(numbers(mendline, "receipt")) == 1
