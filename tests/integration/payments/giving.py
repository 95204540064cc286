"""What the tests of refunds and disputes share: money that came in, and facts about it."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from crm.core import clock
from crm.core.events import Actor, EventRow
from crm.core.money import Line
from crm.core.shop import Links, Shop
from crm.invoices import service as invoices
from crm.invoices.service import NewInvoice
from crm.payments import attempts, refunds, service, settling
from crm.payments.models import LedgerEntry, Payment
from crm.payments.provider import DisputeFact, Fact, RefundFact
from crm.payments.refunds import NewRefund
from crm.payments.service import NewPayment
from tests import builders
from tests.provider import FakeProvider

SHOP = Shop(
    "Quay Phones", ZoneInfo("Europe/London"), "GBP", "en", timedelta(),
    Links("https://shop.example", ("k3y-for-tests-that-is-long-enough-0123456789",)),
)  # fmt: skip
BOSS = Actor("staff", "Marta Reis", "9")


def cash(units, repair, amount=5000) -> Payment:
    with units() as uow:
        new = NewPayment("cash", amount, "GBP", repair_id=repair.id)
        return service.take(uow, new, builders.STAFF)


def card(units, repair, amount=5000, number=1) -> Payment:
    with units() as uow:
        attempt = attempts.begin(
            uow, repair.id, "deposit", amount, "GBP", repair.customer_id, None, FakeProvider()
        )
    fact = Fact(attempt.ref, None, f"pi_{number}", f"ch_{number}", amount, "GBP", False, "paid",
                None, clock.now())  # fmt: skip
    with units() as uow:
        return settling.settle(uow, fact)


def invoiced(units, repair, *amounts):
    """An invoice with a line for each amount."""
    lines = tuple(Line(f"Line {n}", amount, "zero", 0, kind="work" if amount > 0 else "discount")
                  for n, amount in enumerate(amounts))  # fmt: skip
    with units() as uow:
        return invoices.issue(uow, SHOP, NewInvoice(lines, "GBP", "en", repair.id), builders.STAFF)


def ask(units, payment, actor=builders.STAFF, **fields):
    new = NewRefund(**{"payment": payment.ref, "reason": "Wrong glass"} | fields)
    with units() as uow:
        return refunds.request(uow, SHOP, new, actor)


def told(payment, state, amount=5000, *, key=None, number="re_1", **fields) -> RefundFact:
    words = {"currency": "GBP", "charge_id": None, "reason": ""} | fields
    return RefundFact(number, payment_id=payment.provider_payment_id, amount_minor=amount,
                      state=state, effect_key=key, **words)  # fmt: skip


def hear(units, fact):
    with units() as uow:
        return refunds.settled(uow, fact.effect_key, fact)


def disputed(payment, state="needs_response", **fields) -> DisputeFact:
    words = {"amount_minor": payment.amount_minor, "currency": "GBP", "reason": "fraudulent",
             "due_at": clock.now() + timedelta(days=7), "fee_minor": 2000,
             "dispute_id": "dp_1", "charge_id": None} | fields  # fmt: skip
    return DisputeFact(payment_id=payment.provider_payment_id, state=state, **words)


def balances(units) -> dict[str, int]:
    """Account -> sum, without those that are nothing; and the whole is always nothing."""
    with units() as uow:
        query = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor))
        rows = uow.session.execute(query.group_by(LedgerEntry.account)).all()
    assert sum(amount for _, amount in rows) == 0
    return {account: int(amount) for account, amount in rows if amount}


def count(units, kind) -> int:
    with units() as uow:
        return uow.session.scalar(select(func.count(EventRow.id)).where(EventRow.kind == kind))
