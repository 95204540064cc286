"""Invoices, credit notes and receipts: issued and shown. None is ever changed or removed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from bridge import papers
from bridge.api import periods
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create, list_of
from bridge.api.base import paged as page_of
from bridge.api.invoice_schemas import (
    CreditNoteRequest,
    Invoice,
    InvoiceQuery,
    InvoiceRequest,
    InvoiceWhole,
)
from bridge.api.whose import whose
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Conflict, Invalid
from crm.core.money import Line, line_of
from crm.core.uow import UnitOfWork
from crm.customers import queries as customer_queries
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.invoices import pdf, queries, service, taxes
from crm.invoices.models import Invoice as InvoiceRow
from crm.invoices.service import Buyer, Credited, NewInvoice
from crm.repairs import queries as repairs

blp = Blueprint("invoices", __name__, url_prefix="/api/v1/invoices", description="Invoices")

NUMBER = "<string(maxlength=40):number>"
PDF = {"schema": {"type": "string", "format": "binary"}, "content_type": "application/pdf"}


@blp.route("", methods=["GET"])
@allow("invoices.read")
@blp.arguments(InvoiceQuery, location="query")
@blp.response(200, list_of(Invoice))
def list_invoices(query):
    """Documents of every kind, newest first"""
    since, until = periods.checked(query)
    with here().units() as uow:
        read = partial(
            queries.listed,
            uow,
            **whose(uow, query),
            kind=query.get("kind"),
            since=periods.begins(since) if since else None,
            until=periods.ends(until) if until else None,
        )
        page = page_of(query, read)
        return page | {"data": _summaries(uow, page["data"])}


@blp.route("", methods=["POST"])
@allow("invoices.issue")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(InvoiceRequest)
@blp.response(201, InvoiceWhole)
def issue_invoice(body):
    """Issue an invoice; it is final"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        invoice = service.issue(uow, here().shop, _new(uow, body), principal().actor)
        return _whole(uow, invoice)

    return create(InvoiceWhole, work)


@blp.route(f"/{NUMBER}", methods=["GET"])
@allow("invoices.read")
@blp.response(200, InvoiceWhole)
def show_invoice(number):
    """One document with its lines"""
    with here().units() as uow:
        return _whole(uow, queries.by_number(uow, number))


@blp.route(f"/{NUMBER}.pdf", methods=["GET"])
@allow("invoices.read")
@blp.response(200, **PDF)
def show_invoice_pdf(number):
    """The PDF of a document: always the same bytes"""
    with here().units() as uow:
        invoice = queries.by_number(uow, number)
        return papers.given(pdf.of(uow, invoice), invoice.number)


@blp.route(f"/{NUMBER}/credit-notes", methods=["POST"])
@allow("invoices.credit")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(CreditNoteRequest)
@blp.response(201, InvoiceWhole)
def issue_credit_note(body, number):
    """Credit lines of an invoice, in whole or in part"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        invoice = queries.by_number(uow, number)
        credited = [Credited(one["line"], one["amount_minor"]) for one in body["lines"]]
        actor = principal().actor
        note = service.credit(uow, here().shop, invoice.id, credited, body["reason"], actor)
        return _whole(uow, note)

    return create(InvoiceWhole, work)


def _new(uow: UnitOfWork, body: dict[str, Any]) -> NewInvoice:
    if ("repair" in body) == ("customer" in body):
        raise Invalid("whose is it", errors={"repair": ["Give a repair or a customer."]})
    repair = repairs.by_ref(uow, body["repair"]) if "repair" in body else None
    if repair is not None and not body["is_additional"]:
        for before in queries.of_repair(uow, repair.id)[:1]:
            told = f"{before.number} was issued for it; say is_additional if this one comes on top"
            raise Conflict(told, code="already-invoiced")
    customer_id = repair.customer_id if repair else customers.by_ref(uow, body["customer"]).id
    customer = uow.session.get(Customer, customer_id) if customer_id else None
    shop, buyer = here().shop, body.get("buyer")
    return NewInvoice(
        lines=tuple(_line(position, one) for position, one in enumerate(body["lines"])),
        currency=body.get("currency", repair.currency if repair else shop.currency),
        locale=body.get("locale") or (customer and customer.locale) or shop.locale,
        repair_id=repair.id if repair else None,
        customer_id=customer_id,
        buyer=Buyer(buyer["name"], tuple(buyer["address"]), buyer["vat_number"]) if buyer else None,
        supplied_on=body.get("supplied_on"),
        due_on=body.get("due_on"),
        note=body["note"],
    )


def _line(position: int, told: dict[str, Any]) -> Line:
    if (told["unit_minor"] < 0) != (told["kind"] == "discount"):
        wrong = {str(position): {"unit_minor": ["A discount, and nothing else, is below 0."]}}
        raise Invalid("this line does not fit", errors={"lines": wrong})
    return Line(
        label=told["label"],
        unit_minor=taxes.gross(told["unit_minor"], told["tax"]),
        tax=told["tax"],
        tax_bp=taxes.rate(told["tax"]),
        quantity=told["quantity"],
        kind=told["kind"],
    )


def _summaries(uow: UnitOfWork, rows: Iterable[InvoiceRow]) -> list[dict[str, Any]]:
    rows = list(rows)
    people = customer_queries.refs(uow, [row.customer_id for row in rows])
    corrected = queries.numbers(uow, [row.corrects_id for row in rows])
    return [
        {column.key: getattr(row, column.key) for column in InvoiceRow.__table__.columns}
        | {
            "form": row.content["form"],
            "net_minor": row.content["totals"]["net_minor"],
            "repair": (row.content["repair"] or {}).get("ref"),
            "customer": people.get(row.customer_id),
            "corrects": corrected.get(row.corrects_id),
        }
        for row in rows
    ]


def _whole(uow: UnitOfWork, invoice: InvoiceRow) -> dict[str, Any]:
    told, credited = invoice.content, queries.credited(uow, invoice.id)
    lines = [
        {**one, "gross_minor": line_of(one).gross_minor, "credited_minor": credited.get(number, 0)}
        for number, one in enumerate(told["lines"])
    ]
    return _summaries(uow, [invoice])[0] | {
        "seller": told["seller"],
        "buyer": told["buyer"],
        "lines": lines,
        "by_rate": told["totals"]["by_rate"],
        "notes": told["notes"],
        "credit_notes": [one.number for one in queries.credit_notes(uow, invoice.id)],
        "url": here().shop.links.invoice(invoice.id, invoice.issued_at),
    }
