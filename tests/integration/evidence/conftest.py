"""The HTTP edge on a real database, and a repair of which everything is known."""

from __future__ import annotations

import io

import pytest

from bridge import transfers
from crm.agreements import service as agreements
from crm.agreements import terms
from crm.agreements.models import Purpose
from crm.agreements.service import Signature
from crm.core.events import Actor
from crm.core.money import Line
from crm.files import receiving, rules
from crm.files import service as files
from crm.files.service import Filing, Owner
from crm.intake import queries as intakes
from crm.intake import service as intake
from crm.intake.rules import DeviceClass, Result, Stage
from crm.intake.service import Answer, Record
from crm.invoices import service as invoices
from crm.invoices.service import NewInvoice
from crm.payments import posting
from crm.quotes import service as quotes
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import Choice, NewQuote, Who
from crm.repairs import links
from crm.repairs.models import Repair
from crm.tickets import service as tickets
from tests import builders
from tests.integration.bridge.conftest import (  # noqa: F401
    as_role,
    client,
    make_app,
    units,
)
from tests.integration.payments import giving
from tests.unit.crm.files import samples

CUSTOMER = Actor("customer", "Ilse Brandt")


@pytest.fixture
def app(make_app):  # noqa: F811
    return make_app()


@pytest.fixture
def store(app):
    with app.app_context():
        return transfers.store()


@pytest.fixture
def bare(units) -> Repair:  # noqa: F811
    """A repair of which nothing is known but that it is there."""
    with units() as uow:
        return builders.repair(uow, None, device="", currency="GBP")


@pytest.fixture
def repair(units, store) -> Repair:  # noqa: F811
    """Handed in, quoted, signed for, talked about, paid, disputed and collected."""
    with units() as uow:
        customer = builders.customer(uow)
        found = builders.repair(uow, customer.id, currency="GBP", problem="<b>cracked</b>")
        _hand_in(uow, found.id)
        _agree(uow, found, customer.id)
        ticket = builders.ticket(uow, customer.id)
        links.link(uow, found, ticket.id, customer.id, builders.STAFF)
        for words, kind, private in (
            ("Card 4242 4242 4242 4242, my pin is 4821", "customer", False),
            ("It will be ready on Friday", "agent", False),
            ("difficult customer", "agent", True),
        ):
            tickets.add_message(uow, ticket.ref, words, author_kind=kind, private=private,
                                actor=CUSTOMER if kind == "customer" else builders.STAFF)  # fmt: skip
        agreements.prove_collection(uow, found.id, builders.STAFF)
        new = NewInvoice((Line("Screen", 9000, "standard", 2000),), "GBP", "en", found.id)
        posting.post_invoice(uow, invoices.issue(uow, giving.SHOP, new, builders.STAFF))
    file_photo(units, store, found.id, samples.photo(), "../../<script>.jpg", rules.Stage.BEFORE)
    file_photo(units, store, found.id, samples.PDF, "report.pdf")
    return found


def file_photo(units, store, repair_id, content, name, stage=None) -> None:  # noqa: F811
    with receiving.receiving(store) as taken:
        draft = taken.take(io.BytesIO(content), name)
        with units() as uow:
            filing = Filing("api", builders.STAFF, stage=stage)
            files.add(uow, store, Owner(repair_id=repair_id), [draft], filing)


def _hand_in(uow, repair_id) -> None:
    opened = intake.open_intake(uow, repair_id, DeviceClass.PHONE, builders.STAFF)
    told = Record(imei="490154203237518", accessories=("case",), condition_notes="scratched")
    intake.record(uow, opened, told, builders.STAFF)
    first = intakes.items(uow, repair_id)[0]
    answer = Answer(Result.NOT_OK, "dead pixel", stage=Stage(first.stage), slug=first.slug)
    intake.answer(uow, repair_id, [answer], builders.STAFF)


def _agree(uow, repair, customer_id) -> None:
    asked = agreements.request(uow, repair.id, Purpose.DROP_OFF, builders.STAFF, send=False)
    text = terms.stored(uow, Purpose.DROP_OFF, "en")
    agreements.sign(
        uow, asked.id, Signature("Ilse Brandt", "en", text.digest, "[[[1,2],[300,100]]]",
                                 "192.0.2.7", "Firefox")
    )  # fmt: skip
    content = Content((Option("Original part", (Item(Line("Screen", 9000, "standard", 2000)),)),))
    quote = quotes.make(uow, NewQuote(repair.id, customer_id, "GBP", content), builders.STAFF)
    quotes.send(uow, quote.id, builders.STAFF)
    version = quotes.present(uow, quote)
    who = Who(CUSTOMER, "page", "I approve this quote.", "192.0.2.8", "Safari")
    quotes.approve(uow, quote.id, Choice(version.version, version.digest, 0), who)
