"""What the shop offers, made from the catalogue: kinds of devices, repairs, and where prices start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from crm.catalog import queries as catalog
from crm.catalog.models import Category, RepairType
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork

# What people look for by name; the catalogue has these under one slug for many kinds of devices.
MAIN = ("screen", "battery", "charging-port", "liquid-damage", "data-recovery")
MOST = 1000


@dataclass(frozen=True)
class Offer:
    """One repair on one kind of device. slug: of its own page."""

    slug: str
    name: str
    category: Category
    repair: RepairType


@dataclass(frozen=True)
class Page:
    """What one page of services is about: a kind of device, a repair, or one on the other.

    price_minor, minutes: the least of its offers.
    """

    slug: str
    category: Category | None
    repair: RepairType | None
    offers: tuple[Offer, ...]

    @property
    def price_minor(self) -> int:
        return min(one.repair.price_minor for one in self.offers)

    @property
    def currency(self) -> str:
        return self.offers[0].repair.currency

    @property
    def minutes(self) -> int:
        return min(one.repair.minutes for one in self.offers)


def families(uow: UnitOfWork) -> dict[str, list[Category]]:
    """Categories in the order of the shop window, by family."""
    found: dict[str, list[Category]] = {}
    for one in catalog.categories(uow, limit=MOST).items:
        found.setdefault(one.family, []).append(one)
    return found


def main_repairs(uow: UnitOfWork) -> list[Page]:
    """A page for each of the main repairs that any kind of device has."""
    every = _offers(uow)
    found = (_of_repair(slug, every) for slug in MAIN)
    return [page for page in found if page is not None]


def page(uow: UnitOfWork, slug: str) -> Page:
    """slug: of a category, of a main repair, or `<category>-<repair>`. Raises NotFound."""
    every = _offers(uow)
    by_slug = {one.slug: one for one in every}
    if slug in by_slug:
        one = by_slug[slug]
        return Page(slug, one.category, one.repair, (one,))
    of_category = tuple(one for one in every if one.category.slug == slug)
    if of_category:
        return Page(slug, of_category[0].category, None, of_category)
    found = _of_repair(slug, every) if slug in MAIN else None
    if found is None:
        raise NotFound("no such service")
    return found


def _of_repair(slug: str, every: Iterable[Offer]) -> Page | None:
    fitting = tuple(one for one in every if one.repair.slug == slug)
    if not fitting:
        return None
    # Its name differs from one kind of device to another; the commonest says it best.
    name, _count = Counter(one.name for one in fitting).most_common(1)[0]
    named = next(one.repair for one in fitting if one.name == name)
    return Page(slug, None, named, fitting)


def _offers(uow: UnitOfWork) -> list[Offer]:
    categories = {one.slug: one for one in catalog.categories(uow, limit=MOST).items}
    repairs = catalog.listed_repair_types(uow, None, limit=10 * MOST).items
    found = [
        Offer(f"{one.category}-{one.slug}", one.name, categories[one.category], one)
        for one in repairs
        if one.category in categories
    ]
    order = {slug: number for number, slug in enumerate(categories)}

    def place(one: Offer) -> tuple[int, int, int]:
        slug = one.repair.slug
        first = MAIN.index(slug) if slug in MAIN else len(MAIN)
        return order[one.category.slug], first, one.repair.price_minor

    return sorted(found, key=place)
