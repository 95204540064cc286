"""A refund of lines is a credit note and a payment out of what it sets free, linked both ways."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from crm.core.db import make_engine
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.money import Line
from crm.core.uow import Units
from crm.invoices.models import Invoice
from crm.invoices.service import Credited, NewInvoice, credit, issue
from crm.payments import posting, refunds, service
from crm.payments.service import NewPayment
from tests import builders
from tests.integration.payments import giving
from tests.integration.payments.giving import BOSS, SHOP, ask, balances, hear, told


@pytest.fixture
def units(db):
    """With the ledger's own reactions to documents."""
    engine = make_engine(db)
    yield Units(engine, posting.table())
    engine.dispose()


def credit_notes(units):
    with units() as uow:
        query = select(func.count(Invoice.id)).where(Invoice.kind == "credit_note")
        return uow.session.scalar(query)


def test_a_line_is_credited_and_paid_out(units, repair):
    payment = giving.cash(units, repair, 12_000)
    invoice = giving.invoiced(units, repair, 8000, 4000)
    refund = ask(units, payment, invoice_id=invoice.id, lines=((1, 4000),))
    assert (refund.state, refund.amount_minor) == ("done", 4000)
    assert balances(units) == {"cash": 8000, "sales": -8000}
    with units() as uow:
        note = uow.session.get_one(Invoice, refund.credit_note_id)
        assert (note.kind, note.corrects_id, note.total_minor) == ("credit_note", invoice.id, 4000)
        assert payment.ref in note.content["corrects"]["reason"]
    with pytest.raises(Conflict) as refused:
        ask(units, payment, invoice_id=invoice.id, lines=((1, 1),))
    assert refused.value.code == "over-credited"


def test_a_card_refund_of_a_line_that_fails_leaves_the_money_held(units, repair):
    payment = giving.card(units, repair, 9000)
    invoice = giving.invoiced(units, repair, 9000)
    refund = ask(units, payment, invoice_id=invoice.id, lines=((0, 3000),))
    assert balances(units) == {"card": 9000, "sales": -6000, "refunding": -3000}
    hear(units, told(payment, "failed", 3000, key=refund.effect_key))
    assert balances(units) == {"card": 9000, "sales": -6000, "held": -3000}
    again = ask(units, payment)
    assert (again.amount_minor, credit_notes(units)) == (3000, 1)


def test_what_is_still_owed_is_taken_off_first(units, repair):
    payment = giving.cash(units, repair, 5000)
    invoice = giving.invoiced(units, repair, 8000)
    with pytest.raises(Conflict, match="£10.00"):
        ask(units, payment, amount_minor=1001, invoice_id=invoice.id, lines=((0, 4000),))
    assert credit_notes(units) == 0
    refund = ask(units, payment, invoice_id=invoice.id, lines=((0, 4000),))
    assert refund.amount_minor == 1000
    assert balances(units) == {"cash": 4000, "sales": -4000}


def test_part_of_a_credit_may_stay_held(units, repair):
    payment = giving.cash(units, repair, 5000)
    invoice = giving.invoiced(units, repair, 5000)
    ask(units, payment, amount_minor=1000, invoice_id=invoice.id, lines=((0, 3000),))
    assert balances(units) == {"cash": 4000, "sales": -2000, "held": -2000}


def test_a_discounted_invoice_goes_back_whole(units, repair):
    payment = giving.cash(units, repair, 9000)
    invoice = giving.invoiced(units, repair, 10_000, -1000)
    lines = ((0, 10_000), (1, -1000))
    assert ask(units, payment, invoice_id=invoice.id, lines=lines).amount_minor == 9000
    assert balances(units) == {}


def test_nothing_is_credited_before_the_second_person_agrees(units, repair):
    payment = giving.cash(units, repair, 20_000)
    invoice = giving.invoiced(units, repair, 20_000)
    refund = ask(units, payment, invoice_id=invoice.id, lines=((0, 15_000),))
    assert (refund.state, credit_notes(units)) == ("waiting_second", 0)
    with units() as uow:
        done = refunds.approve(uow, SHOP, refunds.by_ref(uow, refund.ref), BOSS)
        assert done.credit_note_id and done.approved_by == "Marta Reis"
    assert balances(units) == {"cash": 5000, "sales": -5000}


def test_credited_by_somebody_else_meanwhile(units, repair):
    payment = giving.cash(units, repair, 30_000)
    invoice = giving.invoiced(units, repair, 20_000)
    refund = ask(units, payment, invoice_id=invoice.id, lines=((0, 15_000),))
    with units() as uow:
        credit(uow, SHOP, invoice.id, [Credited(0, 10_000)], "gone", builders.STAFF)
    with pytest.raises(Conflict) as refused, units() as uow:
        refunds.approve(uow, SHOP, refunds.by_ref(uow, refund.ref), BOSS)
    assert refused.value.code == "over-credited"
    assert balances(units) == {"cash": 30_000, "held": -20_000, "sales": -10_000}


def test_an_invoice_of_something_else(units, repair):
    payment = giving.cash(units, repair)
    with units() as uow:
        other = builders.repair(uow, None, currency="GBP")
    invoice = giving.invoiced(units, other, 100)
    with pytest.raises(Invalid) as refused:
        ask(units, payment, invoice_id=invoice.id, lines=((0, 100),))
    assert list(refused.value.errors) == ["invoice"]
    with pytest.raises(NotFound):
        ask(units, payment, invoice_id=4711, lines=((0, 100),))


def test_an_invoice_of_no_repair(units, repair):
    lines = (Line("Case", 2000, "zero", 0),)
    with units() as uow:
        new = NewInvoice(lines, "GBP", "en")
        invoice = issue(uow, SHOP, new, builders.STAFF)
        paid = NewPayment("cash", 2500, "GBP", invoice_id=invoice.id)
        payment = service.take(uow, paid, builders.STAFF)
    giving.cash(units, repair, 900)
    refund = ask(units, payment, invoice_id=invoice.id, lines=((0, 2000),))
    assert (refund.state, refund.amount_minor) == ("done", 2000)
    assert ask(units, payment).amount_minor == 500, "what was held for others stays"
    assert balances(units) == {"cash": 900, "held": -900}


@pytest.mark.parametrize("lines", [((0, -5),), ((0, 0),), ((7, 100),), ((0, 50), (0, 50)),
                                   ((-1, 100),)])  # fmt: skip
def test_lines_that_are_none(units, repair, lines):
    payment = giving.cash(units, repair)
    invoice = giving.invoiced(units, repair, 5000)
    with pytest.raises(Invalid) as refused:
        ask(units, payment, invoice_id=invoice.id, lines=lines)
    assert "lines" in refused.value.errors
    assert (credit_notes(units), balances(units)["cash"]) == (0, 5000)


def test_a_refund_at_the_providers_desk_is_made_good_by_a_credit_note(units, repair):
    payment = giving.card(units, repair)
    invoice = giving.invoiced(units, repair, 5000)
    hear(units, told(payment, "done", 2000, number="re_desk"))
    assert balances(units) == {"card": 3000, "refunding": 2000, "sales": -5000}
    with units() as uow:
        credit(uow, SHOP, invoice.id, [Credited(0, 2000)], "made good", builders.STAFF)
    assert balances(units) == {"card": 3000, "sales": -3000}
