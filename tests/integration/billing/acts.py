"""What staff and customers do about the money of a repair, for the tests of this folder."""

from __future__ import annotations

from urllib.parse import urlsplit

from crm.core.money import Line
from crm.quotes import service as quotes
from crm.quotes.models import Quote
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import Choice, NewQuote, Who
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from tests.builders import STAFF


def move(service, ref, *statuses, by_staff=True):
    for status in statuses:
        with service.units() as uow:
            repairs.change_status(
                uow, Address(ref=ref), StatusNews(status, by_staff=by_staff), STAFF
            )
    service.settle()


def send(service, ref, *amounts, deposit=0):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        items = tuple(Item(Line(f"Part {n}", amount, "standard", 2000))
                      for n, amount in enumerate(amounts))  # fmt: skip
        new = NewQuote(repair.id, repair.customer_id, "GBP",
                       Content((Option("", items),), deposit_minor=deposit))  # fmt: skip
        quote_id = quotes.send(uow, quotes.make(uow, new, STAFF).id, STAFF).id
    service.settle()
    return quote_id


def approve(service, quote_id):
    with service.units() as uow:
        quote = uow.session.get_one(Quote, quote_id)
        digest = quotes.present(uow, quote).digest
        quotes.approve(
            uow, quote_id, Choice(quote.version, digest, 0), Who(STAFF, "staff", "by phone")
        )
    service.settle()


def shown(service, ref):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        return repair.status, set(repair.flags), repair.estimate_minor


def pay_path(service, ref):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        return urlsplit(service.parts.shop.links.pay(repair.id, repair.received_at)).path


def context(service, number):
    told = service.thread(number)
    contact = told["meta"]["sender"]["custom_attributes"]
    return contact.get("quote_due"), contact.get("balance_due"), set(told["labels"])


def pay_by_card(service, stripe, path):
    answer = service.http.post(path)
    assert answer.status_code == 303, answer.text[:400]
    stripe.books.pay(stripe.session())
    stripe.courier.deliver()
    service.settle()
