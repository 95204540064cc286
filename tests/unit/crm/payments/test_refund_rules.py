"""Pure rules of refunds and disputes: who must agree, the most there is, legs that add up."""

from __future__ import annotations

import random

import pytest

from crm.disputes import rules as dispute_rules
from crm.payments import refund_rules, rules
from crm.payments.rules import Scope

SCOPE = Scope(repair_id=7, customer_id=3)


@pytest.mark.parametrize(
    ("so_far", "currency", "second"),
    [(1, "GBP", False), (10_000, "GBP", False), (10_001, "GBP", True), (1, "EUR", True)],
)
def test_a_second_person(so_far: int, currency: str, second: bool):
    assert refund_rules.needs_second(so_far, currency, "GBP") is second


def test_the_limit_is_in_the_usual_unit():
    assert refund_rules.alone_minor("GBP") == 10_000
    assert refund_rules.alone_minor("JPY") == 100


@pytest.mark.parametrize(
    ("left", "held", "credited", "still_open", "most"),
    [
        (5000, 3000, 0, 0, 3000),
        (2000, 3000, 0, 0, 2000),
        (5000, 0, 4000, 0, 4000),
        (5000, 0, 4000, 3000, 1000),
        (5000, 100, 4000, 9000, 100),
        (-1, 100, 0, 0, 0),
    ],
)
def test_the_most(left: int, held: int, credited: int, still_open: int, most: int):
    assert refund_rules.most(left, held, credited, still_open) == most


@pytest.mark.parametrize("seed", range(200))
def test_legs_add_up_and_can_be_taken_back(seed: int):
    dice = random.Random(seed)
    amount = dice.randint(1, 10**10)
    uncovered = dice.randint(0, amount)
    for legs in (
        refund_rules.promised(SCOPE, amount, 1),
        refund_rules.gone(SCOPE, "card", amount, 1),
        refund_rules.paid_out(SCOPE, "cash", amount, 1, uncovered),
        refund_rules.covered(SCOPE, amount, 1),
        dispute_rules.opened(SCOPE, amount, 1),
        dispute_rules.won(SCOPE, amount, 1),
        dispute_rules.lost(SCOPE, amount, 1),
    ):
        assert rules.is_balanced(legs)
        assert all(leg.amount_minor for leg in legs)
        undone = refund_rules.back(legs)
        assert [leg.amount_minor for leg in undone] == [-leg.amount_minor for leg in legs]


def test_promised_and_gone_is_paid_out():
    def sums(*legs: rules.Leg) -> dict[str, int]:
        found: dict[str, int] = {}
        for leg in legs:
            found[leg.account] = found.get(leg.account, 0) + leg.amount_minor
        return {account: amount for account, amount in found.items() if amount}

    way = refund_rules.promised(SCOPE, 500, 1) + refund_rules.gone(SCOPE, "card", 500, 1)
    assert sums(*way) == sums(*refund_rules.paid_out(SCOPE, "card", 500, 1))
    closed = dispute_rules.opened(SCOPE, 500, 1) + dispute_rules.won(SCOPE, 500, 1)
    assert sums(*closed) == {}


@pytest.mark.parametrize(
    ("before", "after", "climbs"),
    [("needs_response", "under_review", True), ("needs_response", "lost", True),
     ("under_review", "needs_response", False), ("won", "lost", False), ("lost", "won", False),
     ("lost", "lost", False)],
)  # fmt: skip
def test_a_dispute_only_climbs(before: str, after: str, climbs: bool):
    assert dispute_rules.climbs(before, after) is climbs
