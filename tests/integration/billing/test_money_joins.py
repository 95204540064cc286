"""A repair's money across every room: quote, deposit, work, invoice, balance, receipt and dispute."""

from __future__ import annotations

import pytest

from crm.core.errors import Conflict
from crm.core.events import SYSTEM
from crm.payments import refunds
from crm.payments.refunds import NewRefund
from crm.payments.service import NewPayment, take
from crm.quotes import service as quotes
from crm.quotes.service import Who
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from crm.staff import service as staff
from tests.builders import STAFF
from tests.integration.billing.acts import (
    approve,
    context,
    move,
    pay_by_card,
    pay_path,
    send,
    shown,
)


def test_the_whole_way(service, stripe, thread):
    number, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    quote_id = send(service, ref, 12_000, 3_000, deposit=4_000)
    assert shown(service, ref)[1] == {"awaiting_approval"}
    assert "/quote/" in service.told(number)[-1] and "£150.00" in service.told(number)[-1]
    quote_due, balance_due, labels = context(service, number)
    assert (quote_due, balance_due) == ("£150.00", None)
    assert "quote-waiting" in labels and "payment-due" not in labels

    approve(service, quote_id)
    status, flags, estimate = shown(service, ref)
    assert (flags, estimate) == (set(), 15_000)
    path = pay_path(service, ref)
    assert any(path in told and "£40.00" in told for told in service.told(number))
    assert context(service, number)[0] is None
    assert "quote-waiting" not in context(service, number)[2]

    page = service.http.get(path)
    assert page.status_code == 200 and "£40.00" in page.text and "Ilse" not in page.text
    pay_by_card(service, stripe, path)
    assert shown(service, ref)[0] == "repairing"
    assert any("£40.00" in told and "/invoices/" in told for told in service.told(number))

    move(service, ref, RepairStatus.TESTING, RepairStatus.READY_PICKUP)
    assert service.column("SELECT total_minor FROM invoices WHERE kind = 'invoice'") == [15_000]
    ready = [told for told in service.told(number) if "£110.00" in told]
    assert len(ready) == 1 and path in ready[0]
    assert context(service, number)[1] == "£110.00"
    assert "payment-due" in context(service, number)[2]

    pay_by_card(service, stripe, path)
    assert service.column("SELECT kind FROM invoices ORDER BY id") == [
        "receipt",
        "invoice",
        "receipt",
    ]
    assert context(service, number)[1] is None
    assert "payment-due" not in context(service, number)[2]
    page = service.http.get(path).text
    assert page.count("/invoices/") == 3 and "by card" not in page
    assert service.unfinished() == []


def test_ready_twice_invoices_once(service, thread):
    _, ref = thread
    approve(service, send(service, ref, 9_000))
    move(service, ref, RepairStatus.READY_PICKUP)
    with service.units() as uow:
        news = StatusNews(RepairStatus.TESTING, by_staff=True, reason="not yet")
        repairs.change_status(uow, Address(ref=ref), news, STAFF)
    move(service, ref, RepairStatus.READY_PICKUP)
    assert service.one("SELECT count(*) FROM invoices WHERE kind = 'invoice'") == 1


def test_over_run_stops_staff_and_notes_shops(service, thread):
    number, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    approve(service, send(service, ref, 10_000, deposit=1_000))
    with service.units() as uow:
        repairs.find(uow, Address(ref=ref)).estimate_minor = 20_000
    for status in (RepairStatus.REPAIRING, RepairStatus.READY_PICKUP):
        with pytest.raises(Conflict) as refused:
            move(service, ref, status)
        assert refused.value.code == "approval-needed"
    move(service, ref, RepairStatus.READY_PICKUP, by_staff=False)
    assert any("has not approved" in note for note in service.notes(number))


def test_declined(service, thread):
    number, ref = thread
    quote_id = send(service, ref, 10_000)
    with service.units() as uow:
        quotes.decline(uow, quote_id, 1, "Too dear", Who(STAFF, "staff", ""))
    service.settle()
    assert shown(service, ref)[1] == set()
    assert any("Too dear" in note for note in service.notes(number))
    assert "quote-waiting" not in context(service, number)[2]


def test_approval_does_not_move_back_nor_past_parts(service, thread):
    number, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING, RepairStatus.WAITING_PARTS)
    approve(service, send(service, ref, 10_000))
    assert shown(service, ref)[0] == "waiting_parts"
    thanks = service.told(number)[-1]
    assert "£100.00" in thanks and "approved" in thanks and "/quote/" in thanks
    move(service, ref, RepairStatus.TESTING)
    approve(service, send(service, ref, 11_000))
    assert shown(service, ref)[0] == "testing"


def test_approval_without_a_deposit_starts_the_work(service, thread):
    _, ref = thread
    move(service, ref, RepairStatus.DIAGNOSING)
    approve(service, send(service, ref, 10_000))
    assert shown(service, ref)[0] == "repairing"


def test_an_invoice_by_staff_refreshes_what_agents_see(service, thread):
    number, ref = thread
    with service.units() as uow:
        key = staff.create_key(uow, service.parts.seal, SYSTEM, name="desk", role="desk").key
        lead = staff.create_key(uow, service.parts.seal, SYSTEM, name="m", role="manager").key
    bearer = {"Authorization": f"Bearer {key}"}
    line = {"label": "Case", "unit_minor": 2_500}
    made = service.http.post(
        "/api/v1/invoices", json={"repair": ref, "lines": [line]}, headers=bearer
    )
    assert made.status_code == 201, made.text
    service.settle()
    assert any(made.json["number"] in told for told in service.told(number))
    assert context(service, number)[1] == "£25.00"
    assert "payment-due" in context(service, number)[2]
    path = f"/api/v1/invoices/{made.json['number']}/credit-notes"
    body = {"lines": [{"line": 0, "amount_minor": 2_500}], "reason": "never given"}
    note = service.http.post(path, json=body, headers={"Authorization": f"Bearer {lead}"})
    assert note.status_code == 201, note.text
    service.settle()
    assert context(service, number)[1] is None
    assert "payment-due" not in context(service, number)[2]


def test_a_dispute_names_day_and_evidence(service, stripe, thread):
    number, ref = thread
    approve(service, send(service, ref, 10_000, deposit=4_000))
    pay_by_card(service, stripe, pay_path(service, ref))
    stripe.books.dispute(stripe.books.all("charge")[0]["id"])
    stripe.courier.deliver()
    service.settle()
    notes = [note for note in service.notes(number) if "disputed" in note]
    assert notes and "Answer the bank by" in notes[-1]
    assert "evidence.zip" in notes[-1]


def test_a_refund_that_waits_for_a_second_person_is_told_to_agents(service, thread):
    number, ref = thread
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        paid = take(uow, NewPayment("cash", 50_000, "GBP", repair_id=repair.id), STAFF)
        refunds.request(uow, service.parts.shop, NewRefund(paid.ref, "too much", 20_000), STAFF)
    service.settle()
    (note,) = [one for one in service.notes(number) if "second person" in one]
    assert "£200.00" in note and ref in note
