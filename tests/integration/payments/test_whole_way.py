"""A repair's money with the real quotes and invoices: deposit, balance, credit, as staff would do it."""

from __future__ import annotations

import pytest

from crm import dues
from crm.core.errors import Conflict
from crm.core.money import Line
from crm.invoices import service as invoices
from crm.invoices.content import Credited
from crm.invoices.service import NewInvoice
from crm.payments import ledger, queries, settling
from crm.payments.models import Attempt
from crm.quotes import service as quotes
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import Choice, NewQuote, Who
from tests import builders

LINES = (
    Line("Screen", 9000, "standard", 2000, kind="part"),
    Line("Work", 3333, "standard", 2000),
    Line("Book", 499, "zero", 0, kind="other"),
)
TOTAL = 12832


@pytest.fixture
def quote(units, repair):
    """Approved, with a deposit of 30.00."""
    with units() as uow:
        content = Content((Option("New", tuple(Item(line) for line in LINES)),), deposit_minor=3000)
        made = quotes.make(uow, NewQuote(repair.id, None, "GBP", content), builders.STAFF)
        quotes.send(uow, made.id, builders.STAFF)
        choice = Choice(made.version, quotes.present(uow, made).digest, 0)
        quotes.approve(uow, made.id, choice, Who(builders.STAFF, "staff"))
        return made


def checkout(desk, repair, purpose):
    return desk("POST", "/payments/checkout", {"repair": repair.ref, "purpose": purpose})


def pay(units, provider, ref):
    with units() as uow:
        return settling.settle(uow, provider.pay(ref, fee_minor=30))


def test_deposit_then_balance_then_a_line_back(desk, context, units, provider, repair, quote):
    told = checkout(desk, repair, "deposit").json
    assert told["amount_minor"] == 3000
    pay(units, provider, told["ref"])
    with units() as uow:
        assert queries.attempt_by_ref(uow, told["ref"]).quote_id == quote.id
        assert queries.standing(uow, repair.id).held_minor == 3000
    for purpose in ("deposit", "balance"):
        assert checkout(desk, repair, purpose).json["code"] == "nothing-due"
    with units() as uow:
        new = NewInvoice(LINES, "GBP", "en", repair_id=repair.id)
        invoice = invoices.issue(uow, context.shop, new, builders.STAFF)
    told = checkout(desk, repair, "balance").json
    assert told["amount_minor"] == TOTAL - 3000
    pay(units, provider, told["ref"])
    with units() as uow:
        standing = queries.standing(uow, repair.id)
        assert (standing.invoiced_minor, standing.open_minor) == (TOTAL, 0)
        assert (standing.paid_minor, standing.held_minor) == (TOTAL, 0)
    with units() as uow:
        back = (Credited(1, 3333),)
        invoices.credit(uow, context.shop, invoice.id, back, "goodwill", builders.STAFF)
    with units() as uow:
        assert ledger.held(uow, repair_id=repair.id) == 3333
        assert ledger.receivable(uow, invoice.id) == 0


def test_part_of_the_deposit_in_cash(desk, repair, quote):
    cash = {"repair": repair.ref, "method": "cash", "amount_minor": 1000, "currency": "GBP"}
    assert desk("POST", "/payments", cash | {"purpose": "deposit"}).status_code == 201
    assert checkout(desk, repair, "deposit").json["amount_minor"] == 2000


def test_no_deposit_is_due_after_the_invoice(desk, context, units, repair, quote):
    with units() as uow:
        new = NewInvoice(LINES, "GBP", "en", repair_id=repair.id)
        invoices.issue(uow, context.shop, new, builders.STAFF)
    assert checkout(desk, repair, "deposit").json["code"] == "nothing-due"


def test_without_an_approved_quote_there_is_no_deposit(units, repair):
    with units() as uow:
        assert dues.due(uow, repair.id, "deposit").amount_minor == 0
    with pytest.raises(Conflict) as refused, units() as uow:
        dues.needed(uow, repair.id, "deposit")
    assert refused.value.code == "nothing-due"


def test_the_amount_that_changed_closes_the_old_page(desk, units, provider, repair, quote):
    first = checkout(desk, repair, "deposit").json
    cash = {"repair": repair.ref, "method": "cash", "amount_minor": 500, "currency": "GBP"}
    desk("POST", "/payments", cash)
    second = checkout(desk, repair, "deposit").json
    assert (second["amount_minor"], second["ref"] != first["ref"]) == (2500, True)
    with units() as uow:
        assert uow.session.query(Attempt).filter_by(ref=first["ref"]).one().state == "expired"
    assert len(provider.expired) == 1
    pay(units, provider, first["ref"])
    with units() as uow:
        assert queries.standing(uow, repair.id).held_minor == 3500
    assert checkout(desk, repair, "deposit").json["code"] == "nothing-due"
