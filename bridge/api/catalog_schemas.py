"""What the catalogue looks like on the wire, in and out."""

from __future__ import annotations

from functools import partial

from marshmallow import Schema, ValidationError, fields, validate

from bridge.api.base import ListQuery, Meta
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from crm.catalog.kinds import FIRST_YEAR, LAST_YEAR, MOST_PRICE_MINOR
from crm.catalog.models import DIFFICULTIES
from crm.catalog.rules_data import EstimateRulesSchema

_YEAR = partial(Whole, FIRST_YEAR, LAST_YEAR)


class Category(Schema):
    """icon: the name of a drawing. is_general: takes any model. models: how many are listed."""

    slug = fields.String()
    name = fields.String()
    family = fields.String()
    icon = fields.String()
    year_from = fields.Integer()
    year_to = fields.Integer()
    is_general = fields.Boolean()
    common_issues = fields.List(fields.String())
    models = fields.Integer()


class Model(Schema):
    """model_numbers: as the maker prints them."""

    slug = fields.String()
    category = fields.String()
    brand = fields.String()
    name = fields.String()
    year = fields.Integer()
    model_numbers = fields.List(fields.String())
    difficulty = fields.String()
    common_issues = fields.List(fields.String())


class RepairType(Schema):
    """price_minor: in minor units, for the model asked about. hours: of work."""

    category = fields.String()
    slug = fields.String()
    name = fields.String()
    price_minor = fields.Integer()
    currency = fields.String()
    hours = fields.Float()
    difficulty = fields.String()
    parts = fields.List(fields.String())


class ModelWithRepairs(Model):
    repair_types = fields.List(fields.Nested(RepairType))


class ModelQuery(ListQuery):
    """q: beginnings of words of brand, name, year or model number."""

    q = Text(200)
    category = Text(100)
    brand = Text(60)
    year_from = _YEAR()
    year_to = _YEAR()


class Facet(Schema):
    value = fields.Raw()
    count = fields.Integer()


class Facets(Schema):
    category = fields.List(fields.Nested(Facet))
    brand = fields.List(fields.Nested(Facet))
    year = fields.List(fields.Nested(Facet))


class NotListed(Schema):
    """What to do when the model is not here: ask for an estimate with this category instead."""

    category = fields.String()
    name = fields.String()
    advice = fields.String()


class SearchMeta(Meta):
    """facets: on the first page; of the newest 500 matches when is_partial. corrected: what was
    searched for instead of words that are in no model."""

    facets = fields.Nested(Facets, allow_none=True)
    is_partial = fields.Boolean()
    corrected = fields.String(allow_none=True)
    not_listed = fields.Nested(NotListed, allow_none=True)


class ModelSearch(Schema):
    data = fields.List(fields.Nested(Model), required=True)
    meta = fields.Nested(SearchMeta, required=True)


class RepairTypeQuery(ListQuery):
    """model, category: slugs; give one, or neither for the whole list."""

    model = Text(100)
    category = Text(100)


def _no_separator(texts: list[str]) -> None:
    if any(";" in text for text in texts):
        raise ValidationError("A semicolon separates entries; leave it out.")


class ModelChange(Strict):
    """prices: repair type -> the price of this model where it differs from its category's."""

    brand = Text(60)
    name = Text(120)
    year = _YEAR()
    model_numbers = fields.List(Text(40), validate=[validate.Length(max=40), _no_separator])
    difficulty = one_of(*DIFFICULTIES)
    common_issues = fields.List(Text(120), validate=[validate.Length(max=20), _no_separator])
    prices = fields.Dict(
        keys=Text(100), values=Whole(0, MOST_PRICE_MINOR), validate=validate.Length(max=40)
    )


class RepairTypeChange(Strict):
    name = Text(80)
    price_minor = Whole(0, MOST_PRICE_MINOR)
    minutes = Whole(1, 12_000)
    difficulty = one_of(*DIFFICULTIES)
    parts = fields.List(Text(80), validate=[validate.Length(max=20), _no_separator])


class RulesInForce(Schema):
    version = fields.Integer()
    rules = fields.Nested(EstimateRulesSchema)
    created_at = Moment()
