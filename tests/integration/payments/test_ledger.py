"""The ledger keeps itself right: balanced, append-only, never below zero, each cause once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from crm.core.errors import Conflict, Invalid, NotFound
from crm.payments import ledger, posting, queries, rules, service
from crm.payments.ledger import Leg, Scope
from crm.payments.models import LedgerEntry
from crm.payments.service import NewPayment
from tests import builders
from tests.integration.payments import documents


def invoice(uow, repair, total, tax=0):
    made = documents.invoice(uow, total, tax, repair_id=repair.id)
    posting.post_invoice(uow, made)
    return made.id


def hold(uow, repair, amount, cause="payment:x"):
    legs = (Leg("cash", amount, repair.id), Scope(repair.id).held(-amount))
    return ledger.post(uow, cause, "GBP", legs)


def test_a_cause_is_posted_once(units, repair):
    with units() as uow:
        number = invoice(uow, repair, 12000, 2000)
        legs = rules.invoiced(Scope(repair.id), number, 99999, 1)
        assert not ledger.post(uow, f"invoice:{number}", "GBP", legs)
        assert ledger.receivable(uow, number) == 12000
    with units() as uow:
        assert not ledger.post(uow, f"invoice:{number}", "GBP", legs)
        assert queries.standing(uow, repair.id).invoiced_minor == 12000


def test_what_is_held_pays_the_oldest_invoice_first(units, repair):
    with units() as uow:
        first = invoice(uow, repair, 5000)
        second = invoice(uow, repair, 3000)
        hold(uow, repair, 6000)
        assert ledger.apply_held(uow, repair.id) == 6000
        assert (ledger.receivable(uow, first), ledger.receivable(uow, second)) == (0, 2000)
        hold(uow, repair, 2500, "payment:y")
        assert ledger.apply_held(uow, repair.id) == 2000
        assert ledger.apply_held(uow, repair.id) == 0
        assert ledger.receivable(uow, second) == 0
        assert ledger.held(uow, repair_id=repair.id) == 500


@pytest.mark.parametrize(
    "legs",
    [
        (),
        (Leg("cash", 5),),
        (Leg("cash", 5), Leg("sales", -4)),
    ],
)
def test_unbalanced_legs_are_a_defect(units, repair, legs):
    with pytest.raises(ValueError, match="add up to zero"), units() as uow:
        ledger.post(uow, "x", "GBP", legs)


def test_the_database_refuses_what_does_not_balance(units, repair):
    with pytest.raises(DBAPIError, match="do not add up"), units() as uow:
        invoice(uow, repair, 100)
        uow.session.execute(text(
            "INSERT INTO ledger_entries (transaction_id, cause, account, amount_minor, currency, at)"
            " SELECT id, cause, 'cash', 5, currency, at FROM ledger_transactions"
        ))  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        "UPDATE ledger_entries SET amount_minor = 1",
        "UPDATE ledger_entries SET account = 'other'",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transactions SET cause = 'z'",
        "DELETE FROM ledger_transactions",
    ],
)
def test_nothing_is_changed_or_removed(units, repair, words):
    with units() as uow:
        invoice(uow, repair, 100)
    with pytest.raises(DBAPIError, match="append-only"), units() as uow:
        uow.session.execute(text(words))


def test_only_whose_it_is_may_change(units, repair):
    with units() as uow:
        documents.invoice(uow, 100, repair_id=repair.id, customer_id=repair.customer_id)
    with units() as uow:
        uow.session.execute(text("UPDATE ledger_entries SET customer_id = NULL"))
        assert uow.session.scalar(select(func.count(LedgerEntry.customer_id))) == 0


def test_neither_held_nor_owed_is_below_zero(units, repair):
    with units() as uow:
        number = invoice(uow, repair, 1000)
        hold(uow, repair, 300)
    taken = (Scope(repair.id).held(301), Leg("cash", -301, repair.id))
    with pytest.raises(Conflict) as refused, units() as uow:
        ledger.post(uow, "refund:1", "GBP", taken)
    assert refused.value.code == "more-than-held"
    waived = (Leg("receivable", -1001, repair.id, number), Leg("sales", 1001, repair.id))
    with pytest.raises(Conflict) as refused, units() as uow:
        ledger.post(uow, "credit_note:1", "GBP", waived)
    assert refused.value.code == "more-than-owed"


def test_one_currency_for_one_repair(units, repair):
    with units() as uow:
        hold(uow, repair, 300)
    with pytest.raises(Conflict) as refused, units() as uow:
        ledger.post(uow, "y", "EUR", (Leg("cash", 5), Scope(repair.id).held(-5)))
    assert refused.value.code == "other-currency"


def test_money_of_no_repair(units, db):
    with pytest.raises(NotFound), units() as uow:
        ledger.apply_held(uow, 4711)
    with pytest.raises(NotFound), units() as uow:
        queries.standing(uow, 4711)


def test_two_refunds_at_once_cannot_both_have_it(units, repair):
    with units() as uow:
        hold(uow, repair, 1000)
    start, refused = threading.Barrier(8), []

    def refund(number):
        start.wait()
        try:
            with units() as uow:
                legs = (Scope(repair.id).held(600), Leg("cash", -600, repair.id))
                ledger.post(uow, f"refund:{number}", "GBP", legs)
        except Conflict as error:
            refused.append(error.code)

    threads = [threading.Thread(target=refund, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert refused == ["more-than-held"] * 7
    with units() as uow:
        assert ledger.held(uow, repair_id=repair.id) == 400


def test_the_same_cause_at_once_is_one_transaction(units, repair):
    start, posted = threading.Barrier(6), []

    def post():
        start.wait()
        with units() as uow:
            posted.append(hold(uow, repair, 1000))

    threads = [threading.Thread(target=post) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(posted) == [False] * 5 + [True]
    with units() as uow:
        assert ledger.held(uow, repair_id=repair.id) == 1000


# -- documents


def standing(units, repair):
    with units() as uow:
        return queries.standing(uow, repair.id)


def test_an_invoice_is_owed_and_paid_by_what_is_held(units, repair):
    with units() as uow:
        hold(uow, repair, 3000)
    with units() as uow:
        made = documents.invoice(uow, 12000, 2000, repair_id=repair.id)
    told = standing(units, repair)
    assert (told.invoiced_minor, told.open_minor, told.held_minor) == (12000, 9000, 0)
    with units() as uow:
        posting.post_invoice(uow, made)
        taxes = select(LedgerEntry.amount_minor).where(LedgerEntry.account == "tax")
        assert uow.session.scalars(taxes).all() == [-2000]


def test_a_credit_note_lowers_what_is_owed_and_gives_back_the_rest(units, repair):
    with units() as uow:
        hold(uow, repair, 10000)
        made = documents.invoice(uow, 12000, 2000, repair_id=repair.id)
    with units() as uow:
        documents.credit_note(uow, made, 5000, 833)
    told = standing(units, repair)
    assert (told.invoiced_minor, told.open_minor, told.held_minor) == (7000, 0, 3000)


def test_what_a_credit_note_gives_back_pays_the_next_invoice(units, repair):
    with units() as uow:
        hold(uow, repair, 5000)
        first = documents.invoice(uow, 5000, repair_id=repair.id)
        second = documents.invoice(uow, 4000, repair_id=repair.id)
    with units() as uow:
        documents.credit_note(uow, first, 5000)
    with units() as uow:
        assert ledger.receivable(uow, second.id) == 0
    assert standing(units, repair).held_minor == 1000


def test_a_credit_note_may_be_posted_before_its_event(units, repair):
    """Who refunds a line needs what it gives back at once."""
    with units() as uow:
        hold(uow, repair, 5000)
        made = documents.invoice(uow, 5000, repair_id=repair.id)
    with units() as uow:
        note = documents.credit_note(uow, made, 2000)
        posting.post_credit_note(uow, note)
        assert ledger.held(uow, repair_id=repair.id) == 2000
        promised = (Scope(repair.id).held(2000), Leg("refunding", -2000, repair.id))
        ledger.post(uow, "refund:1", "GBP", promised)
    told = standing(units, repair)
    assert (told.held_minor, told.refunded_minor, told.invoiced_minor) == (0, 2000, 3000)


def test_an_invoice_over_nothing(units, repair):
    with units() as uow:
        made = documents.invoice(uow, 0, repair_id=repair.id)
        documents.credit_note(uow, made, 0)
    assert standing(units, repair).invoiced_minor == 0


def test_an_invoice_without_a_repair_holds_its_own_money(units, repair):
    with units() as uow:
        made = documents.invoice(uow, 4000, 667, customer_id=repair.customer_id)
    with units() as uow:
        new = NewPayment("transfer", 4500, "GBP", invoice_id=made.id)
        payment = service.take(uow, new, builders.STAFF)
        assert (payment.repair_id, payment.customer_id) == (None, repair.customer_id)
    with units() as uow:
        assert ledger.receivable(uow, made.id) == 0
        assert ledger.held(uow, invoice_id=made.id) == 500
        documents.credit_note(uow, made, 1000)
    with units() as uow:
        assert ledger.held(uow, invoice_id=made.id) == 1500
    assert standing(units, repair).paid_minor == 0


def test_an_invoice_of_a_repair_is_the_repairs_business(units, repair):
    with units() as uow:
        other = builders.repair(uow, repair.customer_id, currency="GBP")
        made = documents.invoice(uow, 4000, repair_id=repair.id)
        note = documents.credit_note(uow, made, 1)
    with units() as uow:
        payment = service.take(
            uow, NewPayment("cash", 5000, "GBP", invoice_id=made.id), builders.STAFF
        )
        assert (payment.repair_id, payment.invoice_id) == (repair.id, made.id)
    assert standing(units, repair).held_minor == 1001
    with pytest.raises(Invalid) as refused, units() as uow:
        wrong = NewPayment("cash", 5, "GBP", repair_id=other.id, invoice_id=made.id)
        service.take(uow, wrong, builders.STAFF)
    assert list(refused.value.errors) == ["invoice"]
    with pytest.raises(NotFound), units() as uow:
        service.take(uow, NewPayment("cash", 5, "GBP", invoice_id=note.id), builders.STAFF)
