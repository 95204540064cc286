"""The catalogue: open to everybody, changed by managers."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bridge.api.base import Blueprint, ListQuery, Meta, close_cursor, list_of, open_cursor, paged
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal, public
from bridge.context import here
from bridge.limits import CATALOGUE, limiter
from crm.catalog import estimates, queries, service
from crm.catalog.kinds import FIRST_YEAR, LAST_YEAR, MOST_PRICE_MINOR
from crm.catalog.models import DIFFICULTIES, DeviceModel
from crm.catalog.models import Category as CategoryRow
from crm.catalog.rules_data import EstimateRulesSchema
from crm.catalog.search import Filters, Found, search
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork

blp = Blueprint("catalog", __name__, url_prefix="/api/v1/catalog", description="Catalogue")

SLUG = "<string(maxlength=100):slug>"
OTHER = "other-device"
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
    """facets: on the first page; of the newest 1,000 matches when is_partial. corrected: what was
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


@blp.route("/categories", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Category))
def list_categories(query):
    """List device categories"""
    with here().units() as uow:
        counts = queries.models_per_category(uow)

        def shown(row: CategoryRow) -> dict[str, Any]:
            return {**vars(row), "models": counts.get(row.slug, 0)}

        return paged(query, partial(queries.categories, uow), shown)


@blp.route("/models", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.arguments(ModelQuery, location="query")
@blp.response(200, ModelSearch)
def search_models(query):
    """Search models, or list them newest first; slips of the pen are forgiven"""
    filters = Filters(**{name: query.get(name) for name in
                         ("category", "brand", "year_from", "year_to")})  # fmt: skip
    after = open_cursor(query["cursor"]) if "cursor" in query else None
    q = query.get("q")
    if after is not None and len(after) != (2 if q is None else 4):
        raise Invalid("unknown cursor", errors={"cursor": ["Not a cursor of this search."]})
    with here().units() as uow:
        found = search(uow, q, filters, limit=query["limit"], after=after)
        issues = queries.common_issues(uow, {row.category for row in found.page.items})
        following = found.page.next
        return {
            "data": [_model(row, issues[row.category]) for row in found.page.items],
            "meta": {
                "next_cursor": close_cursor(following) if following else None,
                "facets": _facets(found),
                "is_partial": found.is_partial,
                "corrected": found.corrected,
                "not_listed": None if found.page.items else _not_listed(uow, filters),
            },
        }


@blp.route(f"/models/{SLUG}", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.response(200, ModelWithRepairs)
def show_model(slug):
    """Show a model with its repairs and prices"""
    with here().units() as uow:
        return _with_repairs(uow, queries.model(uow, slug))


@blp.route(f"/models/{SLUG}", methods=["PATCH"])
@allow("catalog.write")
@blp.arguments(ModelChange)
@blp.response(200, ModelWithRepairs)
def change_model(body, slug):
    """Change a model; the change outlives updates of the shipped catalogue"""
    _refuse_empty(body)
    with here().units() as uow:
        return _with_repairs(uow, service.edit_model(uow, principal().actor, slug, body))


@blp.route("/repair-types", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.arguments(RepairTypeQuery, location="query")
@blp.response(200, list_of(RepairType))
def list_repair_types(query):
    """List repairs with prices: of a model, of a category, or all"""
    if "model" in query and "category" in query:
        raise Invalid("give model or category", errors={"category": ["Give this or model."]})
    with here().units() as uow:
        model = queries.model(uow, query["model"]) if "model" in query else None
        category = queries.category(uow, query["category"]) if "category" in query else None
        place = model.category if model else category.slug if category else None
        read = partial(queries.listed_repair_types, uow, place)
        return paged(query, read, lambda row: _repair_type(row, model))


@blp.route(f"/repair-types/<string(maxlength=100):category>/{SLUG}", methods=["PATCH"])
@allow("catalog.write")
@blp.arguments(RepairTypeChange)
@blp.response(200, RepairType)
def change_repair_type(body, category, slug):
    """Change a repair's price, hours or parts; the change outlives updates"""
    _refuse_empty(body)
    with here().units() as uow:
        actor = principal().actor
        return _repair_type(service.edit_repair_type(uow, actor, category, slug, body), None)


@blp.route("/estimate-rules", methods=["GET"])
@public
@limiter.limit(CATALOGUE)
@blp.response(200, RulesInForce)
def show_rules():
    """The estimate rules in force"""
    with here().units() as uow:
        return estimates.rules_in_force(uow)


@blp.route("/estimate-rules", methods=["PUT"])
@allow("catalog.write")
@blp.arguments(EstimateRulesSchema)
@blp.response(200, RulesInForce)
def write_rules(body):
    """Write the shop's own estimate rules, as the next version"""
    with here().units() as uow:
        return service.write_rules(uow, principal().actor, body)


def _refuse_empty(body: dict[str, Any]) -> None:
    if not body:
        raise Invalid("nothing to change")


def _model(row: DeviceModel, issues: list[str]) -> dict[str, Any]:
    return {**vars(row), "common_issues": row.common_issues or issues}


def _with_repairs(uow: UnitOfWork, row: DeviceModel) -> dict[str, Any]:
    issues = queries.common_issues(uow, {row.category})[row.category]
    types = queries.repair_types(uow, row.category)
    return {**_model(row, issues), "repair_types": [_repair_type(one, row) for one in types]}


def _repair_type(row: Any, model: DeviceModel | None) -> dict[str, Any]:
    return {
        **vars(row),
        "price_minor": queries.price_of(row, model),
        "hours": row.minutes / 60,
    }


def _facets(found: Found) -> dict[str, list[dict[str, Any]]] | None:
    return {
        name: [{"value": value, "count": count} for value, count in counts.items()]
        for name, counts in found.facets.items()
    } or None


def _not_listed(uow: UnitOfWork, filters: Filters) -> dict[str, str]:
    category = uow.session.get(CategoryRow, filters.category or OTHER)
    if category is None or category.is_retired:
        category = uow.session.get(CategoryRow, OTHER)
    return {
        "category": category.slug if category else OTHER,
        "name": category.name if category else "Other device",
        "advice": "This model is not listed. Ask for an estimate with this category instead of a "
        "model and name the device when you book; the shop confirms the price after a look at it.",
    }
