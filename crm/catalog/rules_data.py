"""Estimate rules as data: what a rule file or a shop's own rules must look like."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from crm.catalog.rules import CONDITIONS, MOST_PERCENT, Factor, Rules
from crm.core.errors import Invalid


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _whole(low: int, high: int) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(low, high))


def _words(at_most: int) -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, at_most))


class RuleWhen(_Strict):
    age_over_years = fields.Integer(strict=True, validate=validate.Range(0, 100))
    condition = fields.String(validate=validate.OneOf(CONDITIONS))
    is_urgent = fields.Boolean(truthy={True}, falsy={False})


class RuleFactor(_Strict):
    rule = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9-]{1,60}\Z"))
    label = _words(80)
    when = fields.Nested(RuleWhen, required=True)
    percent = _whole(1, MOST_PERCENT)


class RuleTax(_Strict):
    name = _words(40)
    percent = _whole(0, 100)
    is_included = fields.Boolean(required=True, truthy={True}, falsy={False})


class RuleRange(_Strict):
    low_percent = _whole(0, 100)
    high_percent = _whole(100, MOST_PERCENT)
    least_own_repairs = _whole(2, 10_000)


class EstimateRulesSchema(_Strict):
    """The rules as data: `data/estimate_rules.yaml` says what each field means."""

    factors = fields.List(
        fields.Nested(RuleFactor), required=True, validate=validate.Length(max=20)
    )
    tax = fields.Nested(RuleTax, required=True)
    range = fields.Nested(RuleRange, required=True)
    price_held_days = _whole(1, 365)

    @validates_schema
    def _one_rule_each(self, data: dict[str, Any], **_: Any) -> None:
        names = [one["rule"] for one in data.get("factors", ())]
        if len(set(names)) != len(names):
            raise ValidationError("Two factors have the same rule.", "factors")


def parse(told: dict[str, Any]) -> Rules:
    """Raises Invalid with the fields that do not fit."""
    try:
        data = EstimateRulesSchema().load(told)
    except ValidationError as error:
        raise Invalid("these are no estimate rules", errors=error.normalized_messages()) from error
    factors = tuple(
        Factor(one["rule"], one["label"], one["percent"], **one["when"]) for one in data["factors"]
    )
    tax = data["tax"]
    return Rules(
        factors=factors,
        tax_name=tax["name"],
        tax_percent=tax["percent"],
        tax_is_included=tax["is_included"],
        held_days=data["price_held_days"],
        **data["range"],
    )
