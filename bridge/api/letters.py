"""Letters about a device that nobody collects: as PDF to print, and the proof of their sending."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response
from marshmallow import Schema, fields

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.repairs import queries as repairs
from crm.unclaimed import letters, parties
from crm.unclaimed.law import WAYS
from crm.unclaimed.letters import Sent

blp = Blueprint(
    "letters", __name__, url_prefix="/api/v1", description="Letters about unclaimed devices"
)

LETTER = "/repairs/<string(maxlength=40):ref>/letters/<string(maxlength=40):step>"
PDF = {"schema": {"type": "string", "format": "binary"}, "content_type": "application/pdf"}


class LetterSent(Strict):
    """sent_on: a day of the shop's calendar. reference: the number of a recorded posting.

    sell_on: the day of the sale that the letter names; for `notice_of_sale` only.
    """

    how = one_of(*WAYS, required=True)
    sent_on = fields.Date(required=True)
    reference = Text(100, at_least=0, load_default="")
    sell_on = fields.Date(load_default=None, allow_none=True)


class Letter(Schema):
    """owed_minor: open on invoices when it was sent; null when nothing was invoiced."""

    step = fields.String()
    how = fields.String()
    sent_on = fields.Date()
    reference = fields.String()
    owed_minor = fields.Integer(allow_none=True)
    sell_on = fields.Date(allow_none=True)
    recorded_at = Moment()
    recorded_by = fields.String()


@blp.route(f"{LETTER}.pdf", methods=["GET"])
@allow("letters.send")
@blp.response(200, **PDF)
def show_letter(ref, step):
    """The letter to print: as of today, or the copy of one that was sent"""
    from crm.unclaimed.paper import render  # noqa: PLC0415 - its library is large

    with here().units() as uow:
        repair = repairs.by_ref(uow, ref, owner_key=principal().owner_key)
        draft = letters.draft(uow, here().shop, repair, step)
        known, between = letters.law_of(uow, here().shop), parties.of(uow, here().shop, repair)
    return _pdf(render(draft, known, between))


@blp.route(LETTER, methods=["POST"])
@allow("letters.send")
@blp.arguments(LetterSent)
@blp.response(201, Letter)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
def record_letter(body, ref, step):
    """Record that a letter was sent; it starts the clock of the next"""
    actor = principal().actor

    def work(uow: UnitOfWork) -> Any:
        repair = repairs.by_ref(uow, ref, owner_key=principal().owner_key)
        return letters.record(uow, here().shop, repair.ref, step, Sent(**body), actor)

    return create(Letter, work)


def _pdf(content: bytes) -> Response:
    response = make_response(content)
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = "inline; filename=letter.pdf"
    response.headers["Cache-Control"] = "no-store"
    return response
