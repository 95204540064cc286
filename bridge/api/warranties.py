"""Warranty of a repair, and devices that come back under it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from marshmallow import Schema, fields

from bridge.api import repairs as repairs_api
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create
from bridge.api.fields import Strict, Text
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import clock
from crm.repairs import queries as repair_queries
from crm.repairs.service import Address
from crm.warranties import queries, service

blp = Blueprint("warranties", __name__, url_prefix="/api/v1/repairs", description="Warranty")

REF = "<string(maxlength=40):ref>"
MOST_LINES = 20


class WarrantyLine(Schema):
    """slug: a repair type, or `repair`. The days are the last ones; null where there is no warranty."""

    slug = fields.String()
    technician = fields.String(allow_none=True)
    started_on = fields.Date()
    work_until = fields.Date(allow_none=True)
    part_until = fields.Date(allow_none=True)
    is_covered = fields.Boolean()


class Warranty(Schema):
    """lines: empty until the device was handed over. original: the repair this one is rework of."""

    lines = fields.List(fields.Nested(WarrantyLine))
    original = fields.String(allow_none=True)
    come_backs = fields.List(fields.String())


class ComeBackClaim(Strict):
    """lines: slugs of what failed again; left out, all that is covered."""

    lines = fields.List(Text(100), validate=fields.validate.Length(max=MOST_LINES), load_default=[])
    reason = Text(2000, required=True)


@blp.route(f"/{REF}/warranty", methods=["GET"])
@allow("repairs.read")
@blp.response(200, Warranty)
def show_warranty(ref):
    """What is warranted until when, and what came back"""
    with here().units() as uow:
        repair = repair_queries.by_ref(uow, ref, owner_key=principal().owner_key)
        shown = queries.shown(uow, repair.id)
        today = _today()
        lines = [
            {
                **{
                    name: getattr(line, name)
                    for name in WarrantyLine().fields
                    if hasattr(line, name)
                },
                "is_covered": queries.is_covered(line, today),
            }
            for line in shown.lines
        ]
    return {"lines": lines, "original": shown.original, "come_backs": shown.come_backs}


@blp.route(f"/{REF}/come-backs", methods=["POST"])
@allow("repairs.create")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(ComeBackClaim)
@blp.response(201, repairs_api.Repair)
def take_back_in(body, ref):
    """Take the device in again under warranty: a new repair beside the original, without a price"""
    address = Address(ref=ref, owner_key=principal().owner_key)

    def work(uow):
        repair = service.come_back(
            uow, address, body["lines"], body["reason"], principal().actor, _today()
        )
        return repairs_api.shown(uow, repair)

    return create(repairs_api.Repair, work)


def _today():
    zone: ZoneInfo = here().shop.timezone
    return clock.now().astimezone(zone).date()
