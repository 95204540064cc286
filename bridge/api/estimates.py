"""Estimates: what a repair would cost, open to everybody and held for some days."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create
from bridge.api.fields import Flag, Moment, Strict, Text, one_of
from bridge.auth import public
from bridge.context import here
from bridge.limits import CATALOGUE, ESTIMATES, limiter
from crm import price_history
from crm.catalog import estimates
from crm.catalog.estimates import Wish
from crm.catalog.models import Estimate as EstimateRow
from crm.catalog.rules import CONDITIONS, ROUNDING

blp = Blueprint("estimates", __name__, url_prefix="/api/v1/estimates", description="Estimates")

MOST_REPAIRS = 12


class NewEstimate(Strict):
    """model: slug; category instead of it while the model is not listed."""

    model = Text(100)
    category = Text(100)
    repair_types = fields.List(
        Text(100), required=True, validate=validate.Length(min=1, max=MOST_REPAIRS)
    )
    condition = one_of(*CONDITIONS)
    is_urgent = Flag(load_default=False)


class EstimateLine(Schema):
    """kind: `repair`, `factor` or `tax`. rule: what made the line. percent: of factors and tax."""

    kind = fields.String()
    rule = fields.String()
    label = fields.String()
    amount_minor = fields.Integer()
    percent = fields.Integer(allow_none=True)


class EstimateTax(Schema):
    """amount_minor: is within total_minor, whether or not it has a line of its own."""

    name = fields.String()
    percent = fields.Integer()
    is_included = fields.Boolean()
    amount_minor = fields.Integer()


class Estimate(Schema):
    """The lines sum up to total_minor. range_basis: `own-repairs` or `rule`.

    own_repairs: how many finished repairs the shop has to compare with. expires_at: until then the
    price holds.
    """

    ref = fields.String()
    model = fields.String(allow_none=True)
    category = fields.String()
    repair_types = fields.List(fields.String())
    condition = fields.String(allow_none=True)
    is_urgent = fields.Boolean()
    currency = fields.String()
    lines = fields.List(fields.Nested(EstimateLine))
    tax = fields.Nested(EstimateTax)
    total_minor = fields.Integer()
    low_minor = fields.Integer()
    high_minor = fields.Integer()
    range_basis = fields.String()
    own_repairs = fields.Integer()
    rules_version = fields.Integer()
    rounding = fields.String()
    created_at = Moment()
    expires_at = Moment()
    is_expired = fields.Boolean()


@blp.route("", methods=["POST"])
@public
@limiter.limit(ESTIMATES)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewEstimate)
@blp.response(201, Estimate)
def create_estimate(body):
    """Work out a price and hold it"""
    wish = Wish(**{**body, "repair_types": tuple(body["repair_types"])})
    return create(Estimate, lambda uow: shown(estimates.make(uow, wish, price_history.percents)))


@blp.route("/<string(maxlength=40):ref>", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.response(200, Estimate)
def show_estimate(ref):
    """Show an estimate, also after its price has expired"""
    with here().units() as uow:
        row = estimates.by_ref(uow, ref)
        return {**shown(row), "is_expired": row.expires_at <= uow.now}


def shown(row: EstimateRow) -> dict[str, Any]:
    """An estimate as `Estimate` dumps it while its price holds."""
    result = row.result
    columns = ("ref", "model", "category", "total_minor", "currency", "rules_version",
               "created_at", "expires_at")  # fmt: skip
    return {
        **{name: getattr(row, name) for name in columns},
        **{name: row.request[name] for name in ("repair_types", "condition", "is_urgent")},
        "lines": result["lines"],
        "tax": {**result["tax"], "amount_minor": result["tax_minor"]},
        "low_minor": result["low_minor"],
        "high_minor": result["high_minor"],
        "range_basis": result["basis"],
        "own_repairs": result["samples"],
        "rounding": ROUNDING,
        "is_expired": False,
    }
