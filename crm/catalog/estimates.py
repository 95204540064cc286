"""Estimates: made from the catalogue, kept with their price until they expire."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from crm.catalog import queries, rules, rules_data
from crm.catalog.models import Category, DeviceModel, Estimate, RuleSet
from crm.catalog.rules import Asked, Work
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.refs import SIGNS
from crm.core.uow import UnitOfWork

_REF_SIGNS = 16
OwnRepairs = Callable[[UnitOfWork, DeviceModel | None], Sequence[int]]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to know the price of: a model, or a category while it is not listed.

    repair_types: slugs of the category's. condition: see `rules.CONDITIONS`; None is not told.
    """

    repair_types: tuple[str, ...]
    model: str | None = None
    category: str | None = None
    condition: str | None = None
    is_urgent: bool = False


def rules_in_force(uow: UnitOfWork) -> RuleSet:
    """Raises Conflict (`not-seeded`) before the first `seed`."""
    found = uow.session.scalar(select(RuleSet).order_by(RuleSet.version.desc()).limit(1))
    if found is None:
        raise Conflict("the catalogue is empty: run `app.py seed`", code="not-seeded")
    return found


def make(uow: UnitOfWork, wish: Wish, own_repairs: OwnRepairs) -> Estimate:
    """Work out a price and hold it.

    own_repairs: what finished repairs of that model cost in per cent of their first estimate; the
    range is taken from them once there are enough. Raises Invalid, Conflict (`not-seeded`).
    """
    in_force = rules_in_force(uow)
    model, category = _device(uow, wish)
    works, currency = _works(uow, wish, model, category)
    year = uow.now.year
    newest, oldest = (model.year,) * 2 if model else (category.year_to, category.year_from)
    asked = Asked(
        works=works,
        youngest_years=max(0, year - newest),
        oldest_years=max(0, year - oldest),
        condition=wish.condition,
        is_urgent=wish.is_urgent,
    )
    terms = rules_data.parse(in_force.rules)
    result = rules.estimate(terms, asked, own_repairs(uow, model))
    made = Estimate(
        ref="EST-" + "".join(secrets.choice(SIGNS) for _ in range(_REF_SIGNS)),
        category=category.slug,
        model=model.slug if model else None,
        rules_version=in_force.version,
        request=asdict(wish),
        result=asdict(result) | {"tax": {"name": terms.tax_name, "percent": terms.tax_percent,
                                         "is_included": terms.tax_is_included}},
        total_minor=result.total_minor,
        currency=currency,
        created_at=uow.now,
        expires_at=uow.now + timedelta(days=terms.held_days),
    )  # fmt: skip
    uow.session.add(made)
    uow.session.flush()
    return made


def by_ref(uow: UnitOfWork, ref: str) -> Estimate:
    """Expired ones too: whether the price still holds is `expires_at`. Raises NotFound."""
    found = uow.session.get(Estimate, ref.strip().upper())
    if found is None:
        raise NotFound("no such estimate")
    return found


def forget(uow: UnitOfWork, *, days: int = 90) -> int:
    """Drop estimates that expired `days` ago. Returns how many."""
    before = uow.now - timedelta(days=days)
    return uow.session.execute(delete(Estimate).where(Estimate.expires_at < before)).rowcount


def _device(uow: UnitOfWork, wish: Wish) -> tuple[DeviceModel | None, Category]:
    if (wish.model is None) == (wish.category is None):
        raise Invalid("name a model or a category", errors={"model": ["Give this or category."]})
    try:
        if wish.category is not None:
            return None, queries.category(uow, wish.category)
        model = queries.model(uow, wish.model)
        return model, queries.category(uow, model.category)
    except NotFound as error:
        field = "model" if wish.model else "category"
        told = error.detail
        if wish.model and uow.session.get(Category, wish.model):
            told = "is a category; name one of its models, or send it as category"
        raise Invalid(f"{field}: {told}", errors={field: [told]}) from error


def _works(
    uow: UnitOfWork, wish: Wish, model: DeviceModel | None, category: Category
) -> tuple[tuple[Work, ...], str]:
    offered = {one.slug: one for one in queries.repair_types(uow, category.slug)}
    unknown = [slug for slug in wish.repair_types if slug not in offered]
    if unknown:
        told = f"{category.slug} has: {', '.join(sorted(offered))}"
        raise Invalid("unknown repair types", errors={"repair_types": [told]})
    chosen = [offered[slug] for slug in dict.fromkeys(wish.repair_types)]
    currencies = {one.currency for one in chosen}
    if len(currencies) != 1:
        raise Invalid("these repairs have prices in different currencies; ask for them apart")
    works = tuple(
        Work(
            slug=one.slug,
            label=one.name,
            price_minor=queries.price_of(one, model),
            rule="price-of-model" if model and one.slug in model.prices else "price-of-category",
        )
        for one in chosen
    )
    return works, currencies.pop()
