"""Random lives of a repair's money through the pure rules: the books hold at every step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from crm.core.money import tax_within
from crm.payments import rules
from crm.payments.rules import Leg, Scope, Standing

SEEDS = 500
STEPS = 40
SCOPE = Scope(repair_id=1, customer_id=2)


@dataclass
class Books:
    """The legs, and what an outsider counts beside them."""

    legs: list[Leg] = field(default_factory=list)
    invoices: dict[int, int] = field(default_factory=dict)
    credited: dict[int, int] = field(default_factory=dict)
    paid: int = 0
    refunded: int = 0

    def post(self, legs: tuple[Leg, ...]) -> None:
        assert rules.is_balanced(legs)
        assert all(leg.amount_minor for leg in legs)
        self.legs += legs

    def total(self, account: str, invoice: int | None = None) -> int:
        return sum(leg.amount_minor for leg in self.legs
                   if leg.account == account and invoice in (None, leg.invoice_id))  # fmt: skip

    def apply(self) -> None:
        owed = [(number, self.total("receivable", number)) for number in self.invoices]
        for number, amount in rules.spread(-self.total("held"), owed):
            self.post(rules.applied(SCOPE, number, amount))


def issue(books: Books, luck: random.Random) -> None:
    number, total = len(books.invoices) + 1, luck.choice([0, 1, luck.randint(2, 90_000)])
    books.invoices[number] = total
    tax = tax_within(total, luck.choice([0, 500, 2000, 2300]))
    books.post(rules.invoiced(SCOPE, number, total, tax))


def pay(books: Books, luck: random.Random) -> None:
    amount = luck.choice([1, luck.randint(1, 500), luck.randint(1, 120_000)])
    books.paid += amount
    books.post(rules.received(SCOPE, luck.choice(rules.METHODS), amount, luck.randint(1, 9)))
    if luck.random() < 0.5:
        books.post(rules.fee(SCOPE, luck.randint(0, 40), 1))


def credit(books: Books, luck: random.Random) -> None:
    if not books.invoices:
        return
    number = luck.choice(list(books.invoices))
    left = books.invoices[number] - books.credited.get(number, 0)
    amount = luck.randint(0, left)
    books.credited[number] = books.credited.get(number, 0) + amount
    owed = books.total("receivable", number)
    books.post(rules.credited(SCOPE, number, amount, tax_within(amount, 2000), owed))


def refund(books: Books, luck: random.Random) -> None:
    held = -books.total("held")
    if held:
        amount = luck.randint(1, held)
        books.refunded += amount
        books.post((SCOPE.held(amount), Leg("cash", -amount, SCOPE.repair_id)))


def check(books: Books) -> None:
    assert not sum(leg.amount_minor for leg in books.legs)
    held, owed = -books.total("held"), books.total("receivable")
    assert held >= 0
    for number, total in books.invoices.items():
        assert 0 <= books.total("receivable", number) <= total
    assert not (held and owed), "what is held pays what is owed"
    invoiced = sum(books.invoices.values()) - sum(books.credited.values())
    assert invoiced == -(books.total("sales") + books.total("tax"))
    # All that was invoiced is owed, or was paid and neither kept back nor given back.
    assert invoiced == owed + books.paid - books.refunded - held


@pytest.mark.parametrize("tens", range(0, SEEDS, 50))
def test_any_order_of_acts_adds_up(tens):
    for seed in range(tens, tens + 50):
        luck, books = random.Random(seed), Books()
        for _ in range(STEPS):
            luck.choice([issue, pay, pay, credit, refund])(books, luck)
            books.apply()
            check(books)


def test_spread_pays_the_first_first():
    assert rules.spread(500, [(1, 300), (2, 0), (3, 400), (4, 9)]) == [(1, 300), (3, 200)]
    assert rules.spread(0, [(1, 300)]) == []
    assert rules.spread(10, []) == []


def standing(**fields):
    names = ("invoiced_minor", "open_minor", "held_minor", "paid_minor", "refunded_minor")
    return Standing("GBP", **dict.fromkeys(names, 0) | fields)


@pytest.mark.parametrize(
    ("fields", "deposit", "due"),
    [
        ({}, 0, 0),
        ({}, 3000, 3000),
        ({"paid_minor": 1000, "held_minor": 1000}, 3000, 2000),
        ({"paid_minor": 3000, "held_minor": 3000}, 3000, 0),
        ({"paid_minor": 9000, "held_minor": 9000}, 3000, 0),
        ({"paid_minor": 3000, "refunded_minor": 3000}, 3000, 3000),
        ({"invoiced_minor": 9000, "open_minor": 9000}, 3000, 0),
    ],
)
def test_what_is_missing_of_a_deposit(fields, deposit, due):
    assert rules.deposit_due(standing(**fields), deposit) == due


def test_the_balance_is_what_no_held_money_covers():
    assert rules.balance_due(standing(open_minor=900)) == 900
    assert rules.balance_due(standing(open_minor=900, held_minor=100)) == 800
    assert rules.balance_due(standing(held_minor=100)) == 0
