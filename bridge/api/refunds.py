"""Money given back: asking for it, and the second person's word on it."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields, validate

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import money
from crm.core.errors import Forbidden
from crm.core.uow import UnitOfWork
from crm.invoices import queries as invoices
from crm.payments import queries, refunds
from crm.payments.models import Payment
from crm.payments.refund_models import STATES
from crm.payments.refund_models import Refund as RefundRow
from crm.payments.refunds import NewRefund

blp = Blueprint("refunds", __name__, url_prefix="/api/v1", description="Refunds")

REF = "<string(maxlength=40):ref>"
MOST_LINE = 10_000


class RefundLine(Strict):
    """line: counted from 0, as the invoice shows them. amount_minor: gross, to be credited; negative
    for a discount."""

    line = Whole(0, MOST_LINE, required=True)
    amount_minor = Whole(-money.MOST_MINOR, money.MOST_MINOR, required=True)


class RefundRequest(Strict):
    """amount_minor: left out, all that can be given back, or what the lines are worth.

    invoice, lines: credited first, together or not at all. restock: the parts go back on the shelf.
    """

    amount_minor = Whole(1, money.MOST_MINOR)
    invoice = Text(40)
    lines = fields.List(
        fields.Nested(RefundLine), validate=validate.Length(min=1, max=refunds.MOST_LINES)
    )
    reason = Text(refunds.LONGEST_REASON, required=True)
    restock = Flag(load_default=False)


class RefundQuery(ListQuery):
    state = one_of(*STATES)


class Refund(Schema):
    """state: `waiting_second` until another person approves, `queued` while it is on its way.

    credit_note: number of the document that came with it. uncovered_minor: what left, by a refund
    made at the provider's desk, without being held; credit the lines it was for.
    """

    ref = fields.String()
    payment = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    method = fields.String()
    reason = fields.String()
    state = fields.String()
    restock = fields.Boolean()
    credit_note = fields.String(allow_none=True)
    uncovered_minor = fields.Integer()
    requested_by = fields.String()
    approved_by = fields.String(allow_none=True)
    refused_by = fields.String(allow_none=True)
    failure = fields.String(allow_none=True)
    created_at = Moment()
    settled_at = Moment(allow_none=True)


@blp.route(f"/payments/{REF}/refunds", methods=["GET"])
@allow("payments.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Refund))
def list_payment_refunds(query, ref):
    """What was given back of a payment, newest first"""
    with here().units() as uow:
        payment = queries.by_ref(uow, ref)
        return paged(query, partial(refunds.listed, uow, payment_id=payment.id),
                     partial(_shown, uow))  # fmt: skip


@blp.route(f"/payments/{REF}/refunds", methods=["POST"])
@allow("refunds.request")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(RefundRequest)
@blp.response(201, Refund)
def request_refund(body, ref):
    """Give money back; much of it waits for a second person"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        new = NewRefund(
            payment=ref,
            reason=body["reason"],
            amount_minor=body.get("amount_minor"),
            invoice_id=_invoice_id(uow, body.get("invoice")),
            lines=tuple((one["line"], one["amount_minor"]) for one in body.get("lines", ())),
            restock=body["restock"],
        )
        return _shown(uow, refunds.request(uow, here().shop, new, principal().actor))

    return create(Refund, work)


@blp.route("/refunds", methods=["GET"])
@allow("payments.read")
@blp.arguments(RefundQuery, location="query")
@blp.response(200, list_of(Refund))
def list_refunds(query):
    """All refunds, newest first"""
    with here().units() as uow:
        return paged(query, partial(refunds.listed, uow, state=query.get("state")),
                     partial(_shown, uow))  # fmt: skip


@blp.route(f"/refunds/{REF}", methods=["GET"])
@allow("payments.read")
@blp.response(200, Refund)
def show_refund(ref):
    """One refund"""
    with here().units() as uow:
        return _shown(uow, refunds.by_ref(uow, ref))


@blp.route(f"/refunds/{REF}/approve", methods=["POST"])
@allow("refunds.approve")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Refund)
def approve_refund(ref):
    """Agree to a refund somebody else asked for; audited"""
    if principal().kind != "staff":
        raise Forbidden("a person has to approve this, signed in", code="second-person-needed")

    def work(uow: UnitOfWork) -> dict[str, Any]:
        refund = refunds.by_ref(uow, ref)
        return _shown(uow, refunds.approve(uow, here().shop, refund, principal().actor))

    return create(Refund, work, status=200)


@blp.route(f"/refunds/{REF}/refuse", methods=["POST"])
@allow("refunds.approve")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(200, Refund)
def refuse_refund(ref):
    """Give nothing back; audited"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        refund = refunds.by_ref(uow, ref)
        return _shown(uow, refunds.refuse(uow, refund, principal().actor))

    return create(Refund, work, status=200)


def _invoice_id(uow: UnitOfWork, number: str | None) -> int | None:
    if number is None:
        return None
    return invoices.by_number(uow, number).id


def _shown(uow: UnitOfWork, refund: RefundRow) -> dict[str, Any]:
    """A refund as `Refund` dumps it."""
    payment = uow.session.get_one(Payment, refund.payment_id)
    told = {column.key: getattr(refund, column.key) for column in RefundRow.__table__.columns}
    return told | {
        "payment": payment.ref,
        "method": payment.method,
        "credit_note": invoices.numbers(uow, [refund.credit_note_id]).get(refund.credit_note_id),
    }
