"""Tracking for whoever knows a reference: the state alone, no person's data, no key needed."""

from __future__ import annotations

from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.api.fields import Moment, Strict, Text
from bridge.auth import public
from bridge.context import here
from bridge.pages.tracking import progress
from bridge.pages.tracking.lookup import limited

blp = Blueprint("tracking_api", __name__, url_prefix="/api/v1/repairs", description="Tracking")


class TypedReference(Strict):
    ref = Text(
        40,
        required=True,
        metadata={"description": "As typed: case, blanks, hyphens, prefix, O for 0."},
    )


class RepairState(Schema):
    """expected_from, expected_until: days in the shop's zone, both inclusive, None once moot."""

    ref = fields.String()
    status = fields.String()
    flags = fields.List(fields.String())
    expected_from = fields.Date(allow_none=True)
    expected_until = fields.Date(allow_none=True)
    is_overdue = fields.Boolean()
    updated_at = Moment()


@blp.route("/track", methods=["POST"])
@public
@limited
@blp.arguments(TypedReference)
@blp.response(200, RepairState)
def track_repair(body):
    """The state of a repair by its reference; wrong and unknown ones are the same 404"""
    with here().units() as uow:
        found = progress.standing(uow, body["ref"], here().shop.timezone)
    flags = (*found.flags, *filter(None, (found.ended_by,)))
    expected = found.expected
    return {
        "ref": found.ref,
        "status": found.status,
        "flags": sorted(flags),
        "expected_from": expected.first_on if expected else None,
        "expected_until": expected.last_on if expected else None,
        "is_overdue": expected.is_overdue if expected else False,
        "updated_at": found.updated_at,
    }
