"""Books outlive the person: customers are merged and erased, amounts stay. Deposits are returned."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from crm import reactions
from crm.core.events import EventRow
from crm.core.shop import Links, Shop
from crm.core.uow import Units
from crm.customers import merging
from crm.customers.models import Customer
from crm.payments import attempts, queries, service
from crm.payments.models import Attempt, LedgerEntry, Payment
from crm.payments.service import NewPayment
from crm.privacy import erasing
from crm.repairs import service as repairs
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag
from tests import builders
from tests.integration.payments import documents

SHOP = Shop("Quay", ZoneInfo("Europe/London"), "GBP", "en", timedelta(),
            Links("https://shop.example", ("k" * 40,)))  # fmt: skip


@pytest.fixture
def units(units) -> Units:
    return Units(units.engine, reactions.table(SHOP))


def deposit(units, repair, amount=3000):
    with units() as uow:
        new = NewPayment("cash", amount, "GBP", repair.id, purpose="deposit", note="for Ilse")
        return service.take(uow, new, builders.STAFF)


def test_a_merged_customer_takes_the_books_along(units, repair, provider):
    payment = deposit(units, repair)
    with units() as uow:
        attempts.begin(uow, repair.id, "deposit", 5, "GBP", None, None, provider)
        other = builders.customer(uow, name="Ilse B.")
        old = uow.session.get_one(Customer, repair.customer_id)
        journal = merging.merge(uow, other.ref, old.ref, builders.STAFF)
    with units() as uow:
        for table in (Payment, Attempt, LedgerEntry):
            assert set(uow.session.scalars(select(table.customer_id))) == {other.id}
        assert queries.by_ref(uow, payment.ref).amount_minor == 3000
        merging.undo(uow, journal.id, builders.STAFF)
    with units() as uow:
        assert set(uow.session.scalars(select(LedgerEntry.customer_id))) == {old.id}


def test_an_erased_customer_leaves_the_books(units, repair, provider):
    deposit(units, repair, 5000)
    with units() as uow:
        documents.invoice(uow, 2000, repair_id=repair.id, customer_id=repair.customer_id)
        attempts.begin(uow, repair.id, "deposit", 5, "GBP", None, None, provider)
        uow.session.execute(text("UPDATE repairs SET status = 'delivered'"))
        ref = uow.session.get_one(Customer, repair.customer_id).ref
    with units() as uow:
        done = erasing.erase(uow, ref, builders.STAFF)
        assert any("1 payments" in words for words in done.kept)
    with units() as uow:
        for table in (Payment, Attempt, LedgerEntry):
            assert set(uow.session.scalars(select(table.customer_id))) == {None}
        assert uow.session.scalars(select(Payment.note)).one() == ""
        assert queries.standing(uow, repair.id).held_minor == 3000


def test_the_whole_table_posts_documents(units, repair):
    """However many react to an invoice, the ledger is among them."""
    deposit(units, repair)
    with units() as uow:
        made = documents.invoice(uow, 9000, 1500, repair_id=repair.id)
    with units() as uow:
        assert queries.standing(uow, repair.id).open_minor == 6000
        documents.credit_note(uow, made, 9000, 1500)
    with units() as uow:
        assert queries.standing(uow, repair.id).held_minor == 3000


def flag(units, repair, *flags):
    with units() as uow:
        repairs.set_flags(uow, Address(ref=repair.ref), list(flags), builders.STAFF)


def told(units):
    with units() as uow:
        notes = uow.session.scalars(
            select(RepairEntry.internal_note).where(RepairEntry.outcome == "deposit_to_return")
        ).all()
        count = uow.session.scalar(
            select(func.count(EventRow.id)).where(EventRow.kind == "payment.deposit_to_return")
        )
        assert count == len(notes)
        return notes


@pytest.mark.parametrize("ended", [RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE])
def test_a_deposit_of_a_repair_given_up_is_to_be_returned(units, repair, ended):
    deposit(units, repair)
    flag(units, repair, RepairFlag.ON_HOLD)
    assert told(units) == []
    flag(units, repair, ended)
    flag(units, repair, ended, RepairFlag.ON_HOLD)
    assert told(units) == ["return deposit £30.00"]


def test_nothing_is_held_nothing_is_returned(units, repair):
    flag(units, repair, RepairFlag.CANCELLED)
    assert told(units) == []
    with units() as uow:
        assert uow.session.get_one(Repair, repair.id).flags == ["cancelled"]
