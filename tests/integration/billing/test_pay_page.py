"""The page of one repair's money: by its link alone, honest about what was charged."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from crm.invoices import company
from crm.payments import refunds
from crm.payments.models import Payment
from crm.payments.refunds import NewRefund
from tests.builders import STAFF
from tests.integration.billing.acts import approve, pay_by_card, pay_path, send
from tests.service import running


@pytest.fixture
def path(service, thread):
    """Where a deposit of 40.00 is due."""
    _, ref = thread
    approve(service, send(service, ref, 15_000, deposit=4_000))
    return pay_path(service, ref)


def began(service, path):
    """The reference of an attempt whose hosted page is open."""
    assert service.http.post(path).status_code == 303
    return service.column("SELECT ref FROM payment_attempts ORDER BY id")[-1]


def says_nothing_charged(page):
    return "nothing was charged" in page.text.lower()


def test_coming_back_is_no_proof(service, stripe, path):
    ref = began(service, path)
    page = service.http.get(f"{path}?back={ref}")
    assert "checking" in page.text and "by card" not in page.text
    assert service.count("payments", "true") == 0
    stripe.books.pay(stripe.session())
    stripe.courier.deliver()
    service.settle()
    page = service.http.get(f"{path}?back={ref}")
    assert "Your payment has arrived" in page.text and "by card" not in page.text


def test_cancelled(service, path):
    ref = began(service, path)
    page = service.http.get(f"{path}?cancelled={ref}")
    assert says_nothing_charged(page) and "by card" in page.text


@pytest.mark.parametrize("state", ["paid", "processing", "mismatched"])
@pytest.mark.parametrize("way", ["cancelled", "back"])
def test_it_never_denies_a_charge(service, path, way, state):
    """Paid in another tab, on its way, or other than asked for: somebody's card was charged."""
    ref = began(service, path)
    with service.units() as uow:
        uow.session.execute(text("UPDATE payment_attempts SET state = :state"), {"state": state})
    assert not says_nothing_charged(service.http.get(f"{path}?{way}={ref}"))


@pytest.mark.parametrize(
    "query",
    ["back=" + "A" * 10_000, "back=%00", "back=%F0%9F%92%A5", "back=%E2%80%AEtxt", "cancelled=",
     "back=<script>alert(1)</script>", "cancelled={{7*7}}", "back=CHK-2611-AAAAA", "back="],
)  # fmt: skip
def test_strange_ways_back(service, path, query):
    page = service.http.get(f"{path}?{query}")
    assert page.status_code == 200 and "£40.00" in page.text
    assert "<script>alert" not in page.text and "Your payment has arrived" not in page.text


@pytest.mark.parametrize("token", ["forged", "%00", "A" * 3_000, "<script>"])
def test_links_that_open_nothing(service, token):
    for method in ("GET", "POST"):
        assert service.http.open(f"/pay/{token}", method=method).status_code == 404


def test_pressed_twice_is_one_attempt(service, stripe, path):
    first, second = service.http.post(path), service.http.post(path)
    assert first.location == second.location and first.location.startswith(stripe.url)
    assert service.count("payment_attempts", "true") == 1


def test_amounts_from_outside_count_for_nothing(service, stripe, path):
    service.http.post(path, data={"amount_minor": "1", "purpose": "balance", "currency": "USD"})
    assert stripe.books.all("checkout.session")[0]["amount_total"] == 4_000


def test_a_form_of_another_site_is_refused(service, path):
    answer = service.http.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403 and service.count("payment_attempts", "true") == 0


def test_the_card_service_is_away_and_comes_back(service, stripe, path):
    stripe.faults.plan("429", times=5)
    away = service.http.post(path)
    assert away.status_code in (502, 503) and "try again" in away.text
    stripe.faults.clear()
    with service.units() as uow:
        uow.session.execute(text("DELETE FROM destinations"))
    assert service.http.post(path).status_code == 303
    assert service.count("payment_attempts", "true") == 1


def test_nothing_is_due_any_more(service, stripe, path):
    pay_by_card(service, stripe, path)
    answer = service.http.post(path)
    assert answer.status_code == 409 and "by card" not in answer.text


def test_it_names_nobody_and_is_kept_by_nobody(service, path):
    page = service.http.get(path)
    assert page.headers["Cache-Control"] == "no-store" and "noindex" in page.headers["X-Robots-Tag"]
    assert "Ilse" not in page.text and "Brandt" not in page.text


def test_it_speaks_portuguese(service, path):
    page = service.http.get(f"{path}?lang=pt").text
    for words in ("To pay", "Deposit", "by card", "We begin when", "Where is my repair"):
        assert words not in page


def test_without_cards(db, service, path):
    with service.units() as uow:
        company.put(
            uow, company.Facts("Quay Phones Ltd", bank="Quay Bank 12-34-56 12345678"), STAFF
        )
    with running(db) as plain:
        page = plain.http.get(path)
        assert "counter" in page.text and "12-34-56" in page.text and "by card" not in page.text
        assert plain.http.post(path).status_code == 503


def test_one_that_is_looked_into_is_told_of_by_the_plain_link_too(service, path):
    began(service, path)
    with service.units() as uow:
        uow.session.execute(text("UPDATE payment_attempts SET state = 'mismatched'"))
    page = service.http.get(path)
    assert "by card" not in page.text and not says_nothing_charged(page)


def test_what_was_given_back_is_listed(service, stripe, path):
    began(service, path)
    stripe.books.pay(stripe.session())
    stripe.courier.deliver()
    service.settle()
    assert "Given back" not in service.http.get(path).text
    with service.units() as uow:
        payment = uow.session.scalar(select(Payment))
        refunds.request(uow, service.parts.shop, NewRefund(payment.ref, "too much", 1_000), STAFF)
    service.settle()
    stripe.courier.deliver()
    service.settle()
    page = service.http.get(path).text
    assert "Given back" in page and "£10.00" in page


def test_what_the_card_service_will_not_take_is_paid_at_the_counter(service, stripe, path):
    stripe.faults.plan("400", "checkout/sessions", times=5)
    page = service.http.post(path)
    assert page.status_code == 502 and "at our counter" in page.text
