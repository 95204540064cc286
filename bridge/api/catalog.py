"""The catalogue: open to everybody, changed by managers."""

from __future__ import annotations

from functools import partial
from typing import Any

from bridge.api.base import Blueprint, ListQuery, close_cursor, list_of, open_cursor, paged
from bridge.api.catalog_schemas import (
    Category,
    ModelChange,
    ModelQuery,
    ModelSearch,
    ModelWithRepairs,
    RepairType,
    RepairTypeChange,
    RepairTypeQuery,
    RulesInForce,
)
from bridge.auth import allow, principal, public
from bridge.context import here
from bridge.limits import CATALOGUE, limiter
from crm.catalog import estimates, queries, service
from crm.catalog.models import Category as CategoryRow
from crm.catalog.models import DeviceModel
from crm.catalog.rules_data import EstimateRulesSchema
from crm.catalog.search import Filters, Found, search
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork

blp = Blueprint("catalog", __name__, url_prefix="/api/v1/catalog", description="Catalogue")

SLUG = "<string(maxlength=100):slug>"
OTHER = "other-device"


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
