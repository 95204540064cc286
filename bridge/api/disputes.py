"""Disputes: what banks ask back, until when evidence is taken, and notes of staff."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.disputes import queries, tasks
from crm.disputes.models import STATES
from crm.disputes.models import Dispute as DisputeRow
from crm.payments.models import Payment
from crm.repairs.models import Repair
from crm.tickets.models import Ticket

blp = Blueprint("disputes", __name__, url_prefix="/api/v1/disputes", description="Disputes")

REF = "<string(maxlength=40):ref>"


class DisputeQuery(ListQuery):
    state = one_of(*STATES)


class DisputeNote(Strict):
    body = Text(5000, required=True)


class Dispute(Schema):
    """reason: the bank's word. is_booked: false when it does not fit the payment; look at it."""

    ref = fields.String()
    payment = fields.String()
    repair = fields.String(allow_none=True)
    ticket = fields.String(allow_none=True)
    provider_dispute_id = fields.String()
    reason = fields.String()
    amount_minor = fields.Integer()
    fee_minor = fields.Integer()
    currency = fields.String()
    state = fields.String()
    is_booked = fields.Boolean()
    due_at = Moment(allow_none=True)
    opened_at = Moment()
    closed_at = Moment(allow_none=True)


@blp.route("", methods=["GET"])
@allow("disputes.read")
@blp.arguments(DisputeQuery, location="query")
@blp.response(200, list_of(Dispute))
def list_disputes(query):
    """All disputes, newest first"""
    with here().units() as uow:
        return paged(query, partial(queries.listed, uow, state=query.get("state")),
                     partial(_shown, uow))  # fmt: skip


@blp.route(f"/{REF}", methods=["GET"])
@allow("disputes.read")
@blp.response(200, Dispute)
def show_dispute(ref):
    """One dispute"""
    with here().units() as uow:
        return _shown(uow, queries.by_ref(uow, ref))


@blp.route(f"/{REF}/note", methods=["POST"])
@allow("disputes.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(DisputeNote)
@blp.response(201, Dispute)
def note_dispute(body, ref):
    """Add a private note to the dispute's ticket"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        dispute = queries.by_ref(uow, ref)
        tasks.note(uow, dispute, body["body"], principal().actor)
        return _shown(uow, dispute)

    return create(Dispute, work)


def _shown(uow: UnitOfWork, dispute: DisputeRow) -> dict[str, Any]:
    """A dispute as `Dispute` dumps it."""
    payment = uow.session.get_one(Payment, dispute.payment_id)
    repair = uow.session.get_one(Repair, payment.repair_id) if payment.repair_id else None
    ticket = uow.session.get_one(Ticket, dispute.ticket_id) if dispute.ticket_id else None
    told = {column.key: getattr(dispute, column.key) for column in DisputeRow.__table__.columns}
    return told | {
        "payment": payment.ref,
        "repair": repair.ref if repair else None,
        "ticket": ticket.ref if ticket else None,
    }
