"""Random books: what a repair, a customer and a period are told equals the ledger, to the penny."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date

import pytest

from crm.core.money import Line, totals
from crm.financials import period, queries
from crm.financials.within import Within
from tests.integration.financials.books import ledger_sum

RATES = (("standard", 2000), ("reduced", 500), ("zero", 0), ("margin", 0))
CURRENCIES = ("GBP", "EUR")
SEEDS = range(10)


class Trade:
    """Some repairs of two customers in two currencies, and what should be told of each."""

    def __init__(self, books, chance: random.Random):
        self.books, self.chance = books, chance
        self.customers = [books.customer(name=name) for name in ("Ana", "Otto")]
        self.repairs = [
            books.repair(chance.choice(self.customers), currency=CURRENCIES[n % 2])
            for n in range(4)
        ]
        self.invoices, self.payments = [], []
        self.told = {repair.id: Counter() for repair in self.repairs}

    def step(self) -> None:
        repair = self.chance.choice(self.repairs)
        act = self.chance.choice((self.invoice, self.pay, self.pay, self.spend, self.credit,
                                  self.give_back, self.pay_by_card))  # fmt: skip
        act(repair, self.told[repair.id])

    def invoice(self, repair, told):
        lines = [
            Line(f"part {n}", self.chance.randrange(1, 30000), *self.chance.choice(RATES),
                 quantity=self.chance.randrange(1, 4))
            for n in range(self.chance.randrange(1, 5))
        ]  # fmt: skip
        if self.chance.random() < 0.3:
            off = self.chance.randrange(1, lines[0].gross_minor + 1)
            lines.append(Line("off", -off, lines[0].tax, lines[0].tax_bp, kind="discount"))
        invoice = self.books.invoice(repair, *lines, currency=repair.currency)
        self.invoices.append((repair, invoice, Counter()))
        told["invoiced"] += invoice.total_minor
        told["revenue"] += totals(lines).net_minor
        told["tax"] += totals(lines).tax_minor

    def credit(self, repair, told):
        mine = [one for one in self.invoices if one[0] is repair]
        if not mine:
            return
        _, invoice, given = self.chance.choice(mine)
        if invoice.content["lines"][-1]["unit_minor"] < 0:
            return
        position = self.chance.randrange(len(invoice.content["lines"]))
        line = invoice.content["lines"][position]
        left = line["unit_minor"] * line["quantity"] - given[position]
        if left <= 0:
            return
        amount = self.chance.choice((left, self.chance.randrange(1, left + 1)))
        note = self.books.credit(invoice, position, amount)
        given[position] += amount
        told["credited"] += amount
        told["revenue"] -= note.total_minor - note.tax_minor
        told["tax"] -= note.tax_minor

    def pay(self, repair, told):
        amount = self.chance.randrange(1, 50000)
        method = self.chance.choice(("cash", "transfer", "other"))
        self.payments.append((repair, self.books.pay(amount, repair, method, repair.currency)))
        told["paid"] += amount

    def pay_by_card(self, repair, told):
        amount, fee = self.chance.randrange(1, 50000), self.chance.randrange(0, 200)
        self.books.card(amount, repair, fee)
        told["paid"] += amount
        told["fees"] += fee

    def give_back(self, repair, told):
        with self.books.units() as uow:
            held = -ledger_sum(uow, f"account = 'held' AND repair_id = {repair.id}")
        mine = [payment for owner, payment in self.payments if owner is repair]
        if not mine or not held:
            return
        payment = self.chance.choice(mine)
        left = min(held, payment.amount_minor - told[payment.ref])
        if left:
            amount = self.chance.randrange(1, left + 1)
            self.books.give_back(payment, amount)
            told["refunded"] += amount
            told[payment.ref] += amount

    def spend(self, repair, told):
        gross = self.chance.randrange(1, 20000)
        tax = self.chance.randrange(0, gross + 1)
        self.books.spend(gross, repair, tax, repair.currency)
        told["expenses"] += gross - tax


def check(earned, told):
    """One currency's earnings against what was counted along the way."""
    money = earned.money
    for name in ("invoiced", "credited", "revenue", "tax", "fees", "paid", "refunded"):
        assert getattr(money, f"{name}_minor") == told[name], name
    assert earned.expenses.net_minor == told["expenses"]
    assert earned.margin_minor == told["revenue"] - told["fees"] - told["expenses"]
    assert sum(line.net_minor for line in earned.lines) == earned.margin_minor
    documents = [line for line in earned.lines if line.kind in ("revenue", "credit")]
    assert sum(line.tax_minor for line in documents) == told["tax"]
    # All that was owed is still owed, was paid or was given back again.
    owed = told["invoiced"] - told["credited"]
    assert money.open_minor - money.held_minor == owed - told["paid"] + told["refunded"]
    assert money.open_minor >= 0 and money.held_minor >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_told_equals_the_ledger(books, seed):
    trade = Trade(books, random.Random(seed))
    for _ in range(30):
        trade.step()
    zone = books.shop.timezone
    with books.units() as uow:
        assert ledger_sum(uow, "true") == 0
        by_customer = {one.id: {} for one in trade.customers}
        for repair in trade.repairs:
            (earned,) = queries.repair(uow, repair.id, zone)
            check(earned, trade.told[repair.id])
            told = by_customer[repair.customer_id].setdefault(repair.currency, Counter())
            told.update(trade.told[repair.id])
        for customer_id, currencies in by_customer.items():
            for earned in queries.customer(uow, customer_id, zone, "GBP"):
                check(earned, currencies.get(earned.money.currency, Counter()))
        within = Within(date(2020, 1, 1), date(2100, 1, 1), zone)
        for one in period.report(uow, within, "GBP"):
            _check_period(uow, one, [trade.told[repair.id] for repair in trade.repairs
                                     if repair.currency == one.money.currency])  # fmt: skip


def _check_period(uow, one, told):
    whole = sum(told, Counter())
    assert one.margin_minor == sum(t["revenue"] - t["fees"] - t["expenses"] for t in told)
    assert sum(part.amount_minor for part in one.received) == whole["paid"]
    assert sum(part.amount_minor for part in one.refunded) == whole["refunded"]
    assert sum(part.tax_minor for part in one.by_rate) == one.money.tax_minor
    assert sum(part.net_minor for part in one.by_rate) == one.money.revenue_minor
    assert sum(part.amount_minor for part in one.receivables) == one.money.open_minor
    where = f"account = 'held' AND currency = '{one.money.currency}'"
    assert one.held_minor == -ledger_sum(uow, where)
