"""Random lives of repairs' money on the real database; the pure ones, far more of them, are in
`tests/unit/crm/payments/test_ledger_properties.py`.
"""

from __future__ import annotations

import random

import pytest
from sqlalchemy import func, select

from crm.core.errors import Conflict
from crm.core.money import tax_within
from crm.invoices.models import Invoice
from crm.payments import attempts, checkout, ledger, queries, rules, service, settling
from crm.payments.checkout import Page
from crm.payments.ledger import Leg, Scope
from crm.payments.models import LedgerEntry
from crm.payments.service import NewPayment
from tests import builders
from tests.integration.payments import documents

SEEDS = 30
STEPS = 10
PAGE = Page("x", "https://shop.example/back", "https://shop.example/pay", "en")


class Life:
    """One repair's money, and what an outsider counts beside the books."""

    def __init__(self, units, repair, provider, seed):
        self.units, self.provider = units, provider
        self.luck = random.Random(seed)
        self.scope = Scope(repair, None, None)
        self.invoices: dict[int, int] = {}
        self.credited: dict[int, int] = {}
        self.paid = self.refunded = 0

    def issue(self):
        total = self.luck.randint(1, 90_000)
        with self.units() as uow:
            tax = tax_within(total, 2000)
            made = documents.invoice(uow, total, tax, repair_id=self.scope.repair_id)
        self.invoices[made.id], self.credited[made.id] = total, 0

    def credit(self):
        if not self.invoices:
            return
        number = self.luck.choice(list(self.invoices))
        amount = self.luck.randint(0, self.invoices[number] - self.credited[number])
        if amount:
            self.credited[number] += amount
            with self.units() as uow:
                corrected = uow.session.get_one(Invoice, number)
                documents.credit_note(uow, corrected, amount, tax_within(amount, 2000))

    def post(self, cause, legs):
        with self.units() as uow:
            assert ledger.post(uow, cause, "GBP", legs)

    def cash(self):
        amount = self.luck.randint(1, 60_000)
        self.paid += amount
        with self.units() as uow:
            new = NewPayment("cash", amount, "GBP", self.scope.repair_id)
            service.take(uow, new, builders.STAFF)

    def card(self):
        with self.units() as uow:
            due = rules.balance_due(queries.standing(uow, self.scope.repair_id)) or 777
            attempt = attempts.begin(
                uow, self.scope.repair_id, "balance", due, "GBP", None, None, self.provider
            )
        attempt = checkout.open_page(self.units, self.provider, attempt.id, PAGE)
        for _ in range(self.luck.choice([1, 1, 1, 2])):
            fact = self.provider.pay(attempt.ref, fee_minor=self.luck.randint(0, 30))
            self.paid += due
            for _ in range(self.luck.randint(1, 2)):
                with self.units() as uow:
                    settling.settle(uow, fact)

    def refund(self):
        with self.units() as uow:
            held = queries.standing(uow, self.scope.repair_id).held_minor
        amount = self.luck.randint(1, held + 500)
        legs = (self.scope.held(amount), Leg("cash", -amount, self.scope.repair_id))
        cause = f"refund:{self.scope.repair_id}:{self.paid}:{self.refunded}"
        if amount > held:
            with pytest.raises(Conflict):
                self.post(cause, legs)
        else:
            self.post(cause, legs)
            self.refunded += amount

    def check(self):
        with self.units() as uow:
            told = queries.standing(uow, self.scope.repair_id)
            assert (told.paid_minor, told.refunded_minor) == (self.paid, self.refunded)
            assert told.invoiced_minor == sum(self.invoices.values()) - sum(self.credited.values())
            assert told.held_minor >= 0
            assert told.invoiced_minor == (
                told.open_minor + told.paid_minor - told.refunded_minor - told.held_minor
            )
            owed = [ledger.receivable(uow, number) for number in self.invoices]
            assert all(amount >= 0 for amount in owed)
            assert sum(owed) == told.open_minor


def test_any_order_of_acts_adds_up(units, repair, provider):
    for seed in range(SEEDS):
        with units() as uow:
            number = builders.repair(uow, repair.customer_id, currency="GBP").id
        life = Life(units, number, provider, seed)
        acts = [life.issue, life.credit, life.cash, life.card, life.refund]
        for _ in range(STEPS):
            life.luck.choice(acts)()
        life.check()
    with units() as uow:
        sums = select(func.sum(LedgerEntry.amount_minor)).group_by(LedgerEntry.transaction_id)
        assert set(uow.session.scalars(sums)) == {0}
        charged = sum(amount for _, amount in provider.charges)
        query = select(func.sum(LedgerEntry.amount_minor)).where(
            LedgerEntry.account == "card", LedgerEntry.cause.like("payment:%")
        )
        assert uow.session.scalar(query) == charged
