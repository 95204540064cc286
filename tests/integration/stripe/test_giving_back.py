"""Refunds and disputes over the stand-in: ours, those of Stripe's own desk, and those that fail."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.core.events import Actor
from crm.payments import refunds
from crm.payments.models import Payment
from crm.payments.refunds import NewRefund
from tests.standins.stripe.running import StandIn
from tests.till import Till

DESK, EFFECT = Actor("staff", "desk", "1"), "mendline_effect"


@pytest.fixture
def charge(till: Till, stripe: StandIn) -> str:
    """A payment of 45.00 that we know of; the id of its charge."""
    payment = stripe.books.pay(till.open(till.repair()).provider_session_id)
    till.hear()
    return payment["latest_charge"]


def ask(till: Till, amount: int) -> None:
    with till.units() as uow:
        payment = uow.session.scalars(select(Payment)).one()
        refunds.request(uow, till.parts.shop, NewRefund(payment.ref, "too much", amount), DESK)


def states(till: Till) -> list[tuple]:
    return till.table("SELECT state, amount_minor, failure FROM refunds ORDER BY id")


def agrees(till: Till, stripe: StandIn) -> None:
    for _ in range(2):
        till.hasten()
    assert till.account("card") == stripe.books.balance()
    assert till.account("fees") == stripe.books.fees()


def test_given_back(till: Till, stripe: StandIn, charge: str):
    ask(till, 1500)
    till.work()
    till.hear()
    assert states(till) == [("done", 1500, None)]
    assert stripe.books.refunded(EFFECT) == {"refund:1": 1500}
    assert till.account("held") == -3000
    agrees(till, stripe)


def test_a_refund_that_takes_days(till: Till, stripe: StandIn, charge: str):
    stripe.books.slow_refunds = True
    ask(till, 1500)
    till.work()
    assert states(till) == [("queued", 1500, None)]
    (refund,) = stripe.books.all("refund")
    stripe.books.end_refund(refund["id"])
    till.hear()
    assert states(till) == [("done", 1500, None)]
    agrees(till, stripe)


def test_a_refund_the_bank_sends_back(till: Till, stripe: StandIn, charge: str):
    stripe.books.slow_refunds = True
    ask(till, 1500)
    till.work()
    (refund,) = stripe.books.all("refund")
    stripe.books.end_refund(refund["id"], failure="expired_or_canceled_card")
    till.hear()
    assert states(till) == [("failed", 1500, "expired_or_canceled_card")]
    assert till.account("held") == -4500
    agrees(till, stripe)


@pytest.mark.parametrize("kind", ["500", "500 saved", "lost", "slow", "429"])
def test_a_refund_in_doubt_happens_once(till: Till, stripe: StandIn, charge: str, kind: str):
    ask(till, 1500)
    stripe.faults.plan(kind, "/refunds")
    till.work()
    till.hasten()
    till.hear()
    assert states(till) == [("done", 1500, None)]
    assert stripe.books.refunded(EFFECT) == {"refund:1": 1500}
    agrees(till, stripe)


def test_a_refund_stripe_refuses(till: Till, stripe: StandIn, charge: str):
    ask(till, 1500)
    stripe.books.dispute(charge)  # we have not heard of it
    till.work()
    assert [state for state, *_ in states(till)] == ["failed"]
    till.hear()
    agrees(till, stripe)


def test_made_at_stripes_own_desk(till: Till, stripe: StandIn, charge: str):
    stripe.books.refund({"charge": charge, "amount": "1000"})
    stripe.books.refund({"charge": charge, "amount": "500"})
    till.hear()
    assert states(till) == [("done", 1000, None), ("done", 500, None)]
    agrees(till, stripe)


def test_heard_of_before_the_payment(till: Till, stripe: StandIn):
    """The news of a refund and of a dispute overtook the payment's own."""
    payment = stripe.books.pay(till.open(till.repair()).provider_session_id)
    stripe.books.refund({"payment_intent": payment["id"], "amount": "500"})
    stripe.books.dispute(payment["latest_charge"])
    stripe.courier.waiting.reverse()
    till.hear()
    assert [amount for amount, *_ in till.payments()] == [4500]
    assert states(till) == [("done", 500, None)]
    assert till.one("SELECT state FROM disputes") == "needs_response"
    agrees(till, stripe)


@pytest.mark.parametrize(("won", "state"), [(True, "won"), (False, "lost")])
def test_disputed(till: Till, stripe: StandIn, charge: str, won: bool, state: str):
    dispute = stripe.books.dispute(charge)
    till.hear()
    assert till.table("SELECT state, amount_minor, reason FROM disputes") == [
        ("needs_response", 4500, "fraudulent")
    ]
    due = till.one("SELECT due_at FROM disputes")
    assert int(due.timestamp()) == dispute["evidence_details"]["due_by"]
    agrees(till, stripe)
    stripe.books.answer_dispute(dispute["id"])
    till.hear()
    assert till.one("SELECT state FROM disputes") == "under_review"
    stripe.books.close_dispute(dispute["id"], won=won)
    stripe.courier.waiting.reverse()
    till.hear()
    assert till.one("SELECT state FROM disputes") == state
    agrees(till, stripe)
    assert till.unfinished() == []
