"""Quotes and money of repairs that were given up, changed or agreed to at the counter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm import dues
from crm.core.money import Line
from crm.payments import refunds
from crm.payments import service as till
from crm.payments.refunds import NewRefund
from crm.payments.service import NewPayment
from crm.quotes import rules
from crm.quotes import service as quotes
from crm.quotes.models import Quote
from crm.quotes.service import NewQuote
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairFlag, RepairStatus
from tests.builders import STAFF
from tests.integration.billing.acts import approve, move, pay_path, send, shown

GIVEN_UP = [RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE]


def give_up(service, ref, flag):
    with service.units() as uow:
        repairs.set_flags(uow, Address(ref=ref), [flag], STAFF)
    service.settle()


def pay_in_cash(service, ref, amount):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        payment = till.take(uow, NewPayment("cash", amount, "GBP", repair.id), STAFF)
        given = payment.ref
    service.settle()
    return given


def give_back(service, payment):
    with service.units() as uow:
        refunds.request(uow, service.parts.shop, NewRefund(payment, "given up"), STAFF)
    service.settle()


def deposit_due(service, ref):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        return dues.due(uow, repair.id, "deposit").amount_minor


def test_work_that_was_given_up_is_not_invoiced(service, thread):
    number, ref = thread
    approve(service, send(service, ref, 15_000))
    give_up(service, ref, RepairFlag.CANCELLED)
    move(service, ref, RepairStatus.READY_PICKUP)
    assert service.column("SELECT total_minor FROM invoices WHERE kind = 'invoice'") == []
    assert any("the work was given up" in note for note in service.notes(number))


def test_a_repair_that_was_given_up_asks_no_deposit(service, thread):
    _, ref = thread
    approve(service, send(service, ref, 15_000, deposit=4_000))
    assert deposit_due(service, ref) == 4_000
    give_up(service, ref, RepairFlag.CANCELLED)
    assert deposit_due(service, ref) == 0
    assert service.http.post(pay_path(service, ref)).status_code == 409
    assert "Nothing to pay now" in service.http.get(pay_path(service, ref)).text


def test_what_was_credited_and_given_back_is_not_asked_again(service, thread):
    _, ref = thread
    approve(service, send(service, ref, 9_000, deposit=4_000))
    paid = pay_in_cash(service, ref, 9_000)
    move(service, ref, RepairStatus.TESTING, RepairStatus.READY_PICKUP)
    with service.units() as uow:
        invoice_id = service.one("SELECT id FROM invoices WHERE kind = 'invoice'")
        new = NewRefund(paid, "never worked", invoice_id=invoice_id, lines=((0, 9_000),))
        refunds.request(uow, service.parts.shop, new, STAFF)
    service.settle()
    assert deposit_due(service, ref) == 0


@pytest.mark.parametrize("flag", GIVEN_UP)
def test_nobody_is_reminded_of_a_quote_for_what_was_given_up(service, thread, flag):
    number, ref = thread
    quote_id = send(service, ref, 15_000)
    give_up(service, ref, flag)
    with service.units() as uow:
        assert uow.session.get_one(Quote, quote_id).state == "withdrawn"
    assert shown(service, ref)[1] == {flag}


def test_a_deposit_that_was_paid_is_not_asked_again(service, thread):
    number, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    approve(service, send(service, ref, 10_000, deposit=4_000))
    pay_in_cash(service, ref, 4_000)
    approve(service, send(service, ref, 20_000, deposit=4_000))
    path = pay_path(service, ref)
    assert len([one for one in service.told(number) if path in one and "£40.00" in one]) == 1


def test_only_what_is_missing_of_a_deposit_is_asked(service, thread):
    number, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    pay_in_cash(service, ref, 1_000)
    approve(service, send(service, ref, 10_000, deposit=4_000))
    path = pay_path(service, ref)
    assert [one for one in service.told(number) if path in one and "£30.00" in one]
    assert shown(service, ref)[0] == "diagnosing"


def test_a_deposit_paid_beforehand_starts_the_work(service, thread):
    _, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    pay_in_cash(service, ref, 4_000)
    approve(service, send(service, ref, 10_000, deposit=4_000))
    assert shown(service, ref)[0] == "repairing"


def test_a_deposit_given_back_does_not_count(service, thread):
    _, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    give_back(service, pay_in_cash(service, ref, 3_500))
    approve(service, send(service, ref, 10_000, deposit=4_000))
    pay_in_cash(service, ref, 500)
    assert deposit_due(service, ref) == 3_500
    assert shown(service, ref)[0] == "diagnosing"


def held_quote(service, ref):
    """Sent, and its message not gone yet: (quote, key of the message)."""
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        option = rules.Option("", (rules.Item(Line("Part", 9_000, "standard", 2000)),))
        new = NewQuote(repair.id, repair.customer_id, "GBP", rules.Content((option,)))
        quote = quotes.send(uow, quotes.make(uow, new, STAFF).id, STAFF)
        return quote.id, f"quote:{quote.id}:v1"


def state_of(service, key):
    return service.one(f"SELECT state FROM notifications WHERE event_key = '{key}'")


def test_a_message_that_has_not_left_goes_with_the_version_that_changed(service, thread):
    _, ref = thread
    quote_id, key = held_quote(service, ref)
    with service.units() as uow:
        content = rules.read(quotes.present(uow, uow.session.get_one(Quote, quote_id)).content)
        quotes.change(uow, quote_id, replace(content, title="Other"), STAFF)
    assert state_of(service, key) == "cancelled"


def test_nobody_is_asked_what_was_agreed_at_the_counter(service, thread):
    _, ref = thread
    quote_id, key = held_quote(service, ref)
    with service.units() as uow:
        quote = uow.session.get_one(Quote, quote_id)
        choice = quotes.Choice(1, quotes.present(uow, quote).digest, 0)
        quotes.approve(uow, quote_id, choice, quotes.Who(STAFF, "staff", "at the counter"))
    assert state_of(service, key) == "cancelled"


def test_nobody_is_reminded_of_a_quote_when_the_device_is_gone(service, thread):
    _, ref = thread
    quote_id = send(service, ref, 15_000)
    move(service, ref, RepairStatus.READY_PICKUP)
    with service.units() as uow:
        assert uow.session.get_one(Quote, quote_id).state == "sent"
    move(service, ref, RepairStatus.DELIVERED, by_staff=False)
    with service.units() as uow:
        assert uow.session.get_one(Quote, quote_id).state == "withdrawn"
    assert shown(service, ref)[1] == set()


def test_what_was_approved_after_the_invoice_is_told(service, thread):
    number, ref = thread
    approve(service, send(service, ref, 9_000))
    move(service, ref, RepairStatus.READY_PICKUP)
    assert not any("after the invoice" in note for note in service.notes(number))
    with service.units() as uow:
        news = StatusNews(RepairStatus.TESTING, by_staff=True, reason="more to do")
        repairs.change_status(uow, Address(ref=ref), news, STAFF)
    approve(service, send(service, ref, 12_000))
    move(service, ref, RepairStatus.READY_PICKUP)
    assert any("after the invoice" in note for note in service.notes(number))
    assert service.column("SELECT total_minor FROM invoices WHERE kind = 'invoice'") == [9_000]
