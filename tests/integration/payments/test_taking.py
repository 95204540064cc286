"""Money taken at the counter: whole positive amounts in the right currency, or a clear refusal."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from crm.core.errors import Invalid, NotFound
from crm.core.events import EventRow
from crm.payments import queries, service
from crm.payments.models import LedgerEntry, Payment
from crm.payments.service import NewPayment
from tests import builders


def new(repair, amount=5000, **fields):
    words = {"method": "cash", "currency": "GBP", "repair_id": repair.id}
    return NewPayment(amount_minor=amount, **words | fields)


def test_money_is_held_until_something_is_owed(units, repair):
    with units() as uow:
        payment = service.take(uow, new(repair, purpose="deposit", note="in fives"), builders.STAFF)
        assert payment.ref.startswith("PAY-")
        assert (payment.received_by, payment.note) == ("Rosa Lindgren", "in fives")
        assert payment.customer_id == repair.customer_id
    with units() as uow:
        told = queries.standing(uow, repair.id)
        assert (told.paid_minor, told.held_minor, told.open_minor) == (5000, 5000, 0)
        event = uow.session.scalars(
            select(EventRow).where(EventRow.kind == "payment.completed")
        ).one()
        assert event.data["amount_minor"] == 5000


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": 0}, "amount_minor"),
        ({"amount": -1}, "amount_minor"),
        ({"amount": 10.5}, "amount_minor"),
        ({"amount": True}, "amount_minor"),
        ({"amount": 10**12}, "amount_minor"),
        ({"amount": "100"}, "amount_minor"),
        ({"currency": "EUR"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"method": "card"}, "method"),
        ({"method": "<script>"}, "method"),
        ({"purpose": "tip"}, "purpose"),
        ({"repair_id": None}, "repair"),
    ],
)
def test_what_cannot_be_taken(units, repair, fields, field):
    with pytest.raises(Invalid) as refused, units() as uow:
        service.take(uow, new(repair, **fields), builders.STAFF)
    assert list(refused.value.errors) == [field]
    with units() as uow:
        assert uow.session.scalar(select(func.count(Payment.id))) == 0
        assert uow.session.scalar(select(func.count(LedgerEntry.id))) == 0


def test_no_such_repair(units, repair):
    with pytest.raises(NotFound), units() as uow:
        service.take(uow, new(repair, repair_id=4711), builders.STAFF)
