"""Money received: what came in, taking it at the counter, and sending a customer to pay by card.

An amount to be paid by card is worked out by the server and is in no request (reliability.md,
rule 38).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge import checkouts
from bridge.api import periods
from bridge.api.base import (
    IDEMPOTENCY_KEY,
    Blueprint,
    ListQuery,
    create,
    list_of,
    once,
    paged,
    respond,
)
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.api.whose import whose
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import money
from crm.core.paging import Page
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.invoices import queries as invoices
from crm.invoices.models import Invoice
from crm.payments import queries, rules, service
from crm.payments.models import Attempt as AttemptRow
from crm.payments.models import Payment as PaymentRow
from crm.payments.service import NewPayment
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blp = Blueprint("payments", __name__, url_prefix="/api/v1/payments", description="Payments")

REF = "<string(maxlength=40):ref>"


class PaymentQuery(ListQuery, periods.Period):
    """from, to: days of the shop's calendar on which the money came in. invoice: its number."""

    repair = Text(40)
    invoice = Text(40)
    customer = Text(40)
    method = one_of(*rules.METHODS)


class PaymentTaken(Strict):
    """What came in at the counter or by transfer, for a repair or an invoice (its number).

    currency: of what it is for, else it is refused.
    """

    repair = Text(40)
    invoice = Text(40)
    method = one_of(*service.BY_HAND, required=True)
    amount_minor = Whole(1, money.MOST_MINOR, required=True)
    currency = Text(3, at_least=3, required=True)
    purpose = one_of(*rules.PURPOSES, load_default="balance")
    note = Text(500, at_least=0, load_default="")


class Payment(Schema):
    """fee_minor: what the provider kept. attempt: of a card payment."""

    ref = fields.String()
    method = fields.String()
    amount_minor = fields.Integer()
    fee_minor = fields.Integer()
    currency = fields.String()
    purpose = fields.String()
    state = fields.String()
    repair = fields.String(allow_none=True)
    invoice = fields.String(allow_none=True)
    customer = fields.String(allow_none=True)
    attempt = fields.String(allow_none=True)
    received_at = Moment()
    received_by = fields.String()
    note = fields.String()


class CheckoutWish(Strict):
    """The amount is worked out here: what is missing of the deposit, or what is owed."""

    repair = Text(40, required=True)
    purpose = one_of("deposit", "balance", required=True)


class CheckoutBegun(Schema):
    ref = fields.String()


class Checkout(Schema):
    """url: where the customer pays, until `expires_at`."""

    ref = fields.String()
    url = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    expires_at = Moment()


class PaymentAttempt(Schema):
    """url: null until the provider's page was opened. reason: why nothing came of it.

    payments: references; more than one when a customer paid twice.
    """

    ref = fields.String()
    repair = fields.String(allow_none=True)
    purpose = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    state = fields.String()
    reason = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    payments = fields.List(fields.String())
    created_at = Moment()
    expires_at = Moment()
    settled_at = Moment(allow_none=True)


@blp.route("", methods=["GET"])
@allow("payments.read")
@blp.arguments(PaymentQuery, location="query")
@blp.response(200, list_of(Payment))
def list_payments(query):
    """Payments, newest first"""
    since, until = periods.checked(query)
    with here().units() as uow:
        invoice = invoices.by_number(uow, query["invoice"]) if "invoice" in query else None
        wanted = {
            **whose(uow, query),
            "invoice_id": invoice and invoice.id,
            "method": query.get("method"),
            "since": since and periods.begins(since),
            "until": until and periods.ends(until),
        }

        def read(**place: Any) -> Page:
            found = queries.listed(uow, **wanted, **place)
            _gather(uow, found.items)
            return found

        return paged(query, read, partial(_shown, uow))


@blp.route("", methods=["POST"])
@allow("payments.take")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(PaymentTaken)
@blp.response(201, Payment)
def take_payment(body):
    """Record money taken at the counter or by transfer; what is not owed yet is held"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        wanted = {name: value for name, value in body.items() if name not in ("repair", "invoice")}
        if "repair" in body:
            wanted["repair_id"] = repairs.by_ref(uow, body["repair"]).id
        if "invoice" in body:
            wanted["invoice_id"] = invoices.by_number(uow, body["invoice"]).id
        return _shown(uow, service.take(uow, NewPayment(**wanted), principal().actor))

    return create(Payment, work)


@blp.route(f"/{REF}", methods=["GET"])
@allow("payments.read")
@blp.response(200, Payment)
def show_payment(ref):
    """One payment"""
    with here().units() as uow:
        return _shown(uow, queries.by_ref(uow, ref))


@blp.route("/checkout", methods=["POST"])
@allow("payments.take")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(CheckoutWish)
@blp.response(201, Checkout)
def open_checkout(body):
    """An address where the customer pays by card what is due now"""

    def work(uow: UnitOfWork) -> AttemptRow:
        repair = repairs.by_ref(uow, body["repair"])
        return checkouts.start(uow, repair, body["purpose"], principal().actor)

    begun = once(CheckoutBegun, work)
    attempt = checkouts.open_page(begun.body["ref"])
    return respond(replace(begun, body=Checkout().dump(attempt)))


@blp.route(f"/attempts/{REF}", methods=["GET"])
@allow("payments.read")
@blp.response(200, PaymentAttempt)
def show_attempt(ref):
    """What became of an attempt to pay by card"""
    with here().units() as uow:
        attempt = queries.attempt_by_ref(uow, ref)
        made = select(PaymentRow.ref).where(PaymentRow.attempt_id == attempt.id)
        return _fields(attempt) | {
            "repair": _ref(uow, Repair, attempt.repair_id),
            "payments": list(uow.session.scalars(made.order_by(PaymentRow.id))),
        }


def _shown(uow: UnitOfWork, payment: PaymentRow) -> dict[str, Any]:
    """A payment as `Payment` dumps it."""
    invoice = uow.session.get_one(Invoice, payment.invoice_id) if payment.invoice_id else None
    return _fields(payment) | {
        "repair": _ref(uow, Repair, payment.repair_id),
        "invoice": invoice.number if invoice else None,
        "customer": _ref(uow, Customer, payment.customer_id),
        "attempt": _ref(uow, AttemptRow, payment.attempt_id),
    }


def _fields(row: PaymentRow | AttemptRow) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


def _ref(uow: UnitOfWork, kind: type, number: int | None) -> str | None:
    return uow.session.get_one(kind, number).ref if number is not None else None


def _gather(uow: UnitOfWork, payments: Iterable[PaymentRow]) -> None:
    """What a page of payments refers to, in one question a table."""
    for kind, name in ((Repair, "repair_id"), (Customer, "customer_id"),
                       (AttemptRow, "attempt_id"), (Invoice, "invoice_id")):  # fmt: skip
        numbers = {getattr(one, name) for one in payments} - {None}
        if numbers:
            uow.session.scalars(select(kind).where(kind.id.in_(numbers))).all()
