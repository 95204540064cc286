"""Disputes: told of in any order, booked once, and a task somebody sees in time."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crm.core import clock
from crm.core.errors import Conflict
from crm.customers.models import Customer
from crm.disputes import queries, service, tasks
from crm.disputes.models import Dispute
from crm.payments.models import Payment
from crm.payments.refund_models import Refund
from crm.privacy import erasing
from crm.repairs import queries as repairs
from crm.repairs.models import Repair
from crm.tickets.models import Ticket, TicketMessage
from tests import builders
from tests.integration.payments import giving
from tests.integration.payments.giving import ask, balances, count, disputed

OPEN, REVIEW, WON, LOST = "needs_response", "under_review", "won", "lost"


def hear(units, fact):
    with units() as uow:
        return service.record(uow, fact)


def payment_state(units, payment):
    with units() as uow:
        return uow.session.get_one(Payment, payment.id).state


@pytest.mark.parametrize(
    ("news", "booked", "state"),
    [
        ([OPEN, OPEN], {"card": 3000 - 2000, "held": -5000, "fees": 2000, "disputed": 2000}, OPEN),
        ([REVIEW, OPEN], {"card": 1000, "held": -5000, "fees": 2000, "disputed": 2000}, REVIEW),
        ([OPEN, WON, REVIEW, OPEN, WON], {"card": 3000, "held": -5000, "fees": 2000}, WON),
        ([LOST, OPEN, WON], {"card": 1000, "held": -5000, "fees": 2000, "sales": 2000}, LOST),
    ],
)
def test_it_climbs_and_is_booked_once(units, repair, news, booked, state):
    payment = giving.card(units, repair)
    for one in news:
        dispute = hear(units, disputed(payment, one, amount_minor=2000))
    assert (dispute.state, dispute.ref[:4]) == (state, "DSP-")
    assert balances(units) == booked
    assert payment_state(units, payment) == {WON: "received", LOST: "lost"}.get(state, "disputed")
    assert count(units, "dispute.opened") == 1
    assert count(units, "dispute.closed") == (state in (WON, LOST))


def test_every_order_ends_alike(units, repair):
    """Whichever way news of one ending comes, the books are the same."""
    payment = giving.card(units, repair)
    for number, order in enumerate(itertools.permutations((OPEN, REVIEW, WON))):
        for one in order:
            hear(units, disputed(payment, one, dispute_id=f"dp_{number}", fee_minor=0))
        assert balances(units) == {"card": 5000, "held": -5000}
    assert payment_state(units, payment) == "received"


def test_the_task(units, repair):
    payment = giving.card(units, repair)
    due_at = clock.now() + timedelta(days=5)
    dispute = hear(units, disputed(payment, due_at=due_at))
    with units() as uow:
        ticket = uow.session.get_one(Ticket, dispute.ticket_id)
        assert (ticket.priority, ticket.customer_id) == ("urgent", repair.customer_id)
        assert dispute.ref in ticket.subject and due_at.strftime("%H:%M UTC") in ticket.subject
        assert repairs.ticket_ids(uow, repair.id) == [ticket.id]
        tasks.note(uow, dispute, "Photos are in the pack.", builders.STAFF)
    hear(units, disputed(payment, due_at=due_at + timedelta(hours=1)))
    hear(units, disputed(payment, LOST))
    with units() as uow:
        ticket = uow.session.get_one(Ticket, dispute.ticket_id)
        assert ticket.status == "resolved"
        assert (due_at + timedelta(hours=1)).strftime("%H:%M UTC") in ticket.subject
        messages = uow.session.scalars(select(TicketMessage).order_by(TicketMessage.id)).all()
    assert all(one.private for one in messages) and len(messages) == 4
    assert payment.ref in messages[0].body and "£50.00" in messages[0].body


def test_nobodys_payment_has_no_thread(units):
    with units() as uow:
        repair = builders.repair(uow, None, currency="GBP")
    payment = giving.card(units, repair)
    dispute = hear(units, disputed(payment))
    assert dispute.ticket_id is None
    with pytest.raises(Conflict) as refused, units() as uow:
        tasks.note(uow, queries.by_ref(uow, dispute.ref), "hm", builders.STAFF)
    assert refused.value.code == "no-thread"


def test_a_disputed_payment_is_not_refunded(units, repair):
    payment = giving.card(units, repair)
    hear(units, disputed(payment))
    with pytest.raises(Conflict) as refused:
        ask(units, payment, amount_minor=100)
    assert refused.value.code == "payment-disputed"


@pytest.mark.parametrize("fields", [{"currency": "EUR"}, {"amount_minor": 5001}])
def test_one_that_does_not_fit_is_kept_and_moves_nothing(units, repair, fields):
    payment = giving.card(units, repair)
    for one in (OPEN, LOST):
        dispute = hear(units, disputed(payment, one, **fields))
    assert (dispute.is_booked, balances(units)) == (False, {"card": 5000, "held": -5000})
    assert payment_state(units, payment) == "received"


def test_what_is_not_ours(units, repair):
    payment = giving.card(units, repair)
    assert hear(units, disputed(payment, amount_minor=0)) is None
    assert hear(units, disputed(Payment(provider_payment_id="pi_9", amount_minor=1))) is None
    assert hear(units, disputed(Payment(provider_payment_id=None, amount_minor=1))) is None
    hostile = disputed(payment, reason="<script>{{7*7}}\u202e" * 1000)
    assert len(hear(units, hostile).reason) == 200


def test_told_of_at_once(units, repair):
    payment = giving.card(units, repair)
    start = threading.Barrier(6)

    def run():
        start.wait()
        hear(units, disputed(payment))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with units() as uow:
        assert uow.session.scalar(select(func.count(Dispute.id))) == 1
    assert balances(units)["disputed"] == 5000


def test_an_erased_customer_leaves_the_books(units, repair):
    payment = giving.card(units, repair)
    ask(units, payment, amount_minor=1000, reason="Ilse Brandt changed her mind")
    dispute = hear(units, disputed(payment, amount_minor=4000))
    before = balances(units)
    with units() as uow:
        uow.session.get_one(Repair, repair.id).status = "delivered"
        ref = uow.session.get_one(Customer, repair.customer_id).ref
        erasing.erase(uow, ref, builders.STAFF)
    with units() as uow:
        assert queries.by_ref(uow, dispute.ref).ticket_id is None
        assert uow.session.scalar(select(func.count(Ticket.id))) == 0
        assert [one.reason for one in uow.session.scalars(select(Refund))] == [""]
    hear(units, disputed(payment, LOST, amount_minor=4000))
    del before["disputed"]
    assert balances(units) == {**before, "sales": 4000}
