"""Reads of the catalogue by name; searching is in `search.py`. Retired rows are not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, select

from crm.catalog.models import Category, DeviceModel, RepairType
from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork


def categories(uow: UnitOfWork, *, limit: int, after: Sequence[Any] | None = None) -> Page:
    """In the order of the shop window."""
    query = select(Category).where(Category.retired_at.is_(None))
    order = [Category.position, Category.slug]
    return page(uow.session, query, order, limit=limit, after=after, oldest_first=True)


def models_per_category(uow: UnitOfWork) -> dict[str, int]:
    counted = (
        select(DeviceModel.category, func.count())
        .where(DeviceModel.retired_at.is_(None))
        .group_by(DeviceModel.category)
    )
    return {slug: number for slug, number in uow.session.execute(counted)}


def category(uow: UnitOfWork, slug: str) -> Category:
    """Raises NotFound."""
    found = uow.session.get(Category, slug)
    if found is None or found.is_retired:
        raise NotFound("no such category")
    return found


def common_issues(uow: UnitOfWork, slugs: Collection[str]) -> dict[str, list[str]]:
    """What often breaks on devices of these categories."""
    asked = select(Category.slug, Category.common_issues).where(Category.slug.in_(slugs))
    return {slug: issues for slug, issues in uow.session.execute(asked)}


def model(uow: UnitOfWork, slug: str, *, for_update: bool = False) -> DeviceModel:
    """Raises NotFound."""
    query = select(DeviceModel).where(DeviceModel.slug == slug, DeviceModel.retired_at.is_(None))
    found = uow.session.scalar(query.with_for_update() if for_update else query)
    if found is None:
        raise NotFound("no such model")
    return found


def repair_type(
    uow: UnitOfWork, category: str, slug: str, *, for_update: bool = False
) -> RepairType:
    """Raises NotFound."""
    query = select(RepairType).where(
        RepairType.category == category,
        RepairType.slug == slug,
        RepairType.retired_at.is_(None),
    )
    found = uow.session.scalar(query.with_for_update() if for_update else query)
    if found is None:
        raise NotFound("no such repair type")
    return found


def repair_types(uow: UnitOfWork, category: str) -> list[RepairType]:
    """Of one category, the dearest last."""
    return list(
        uow.session.scalars(
            select(RepairType)
            .where(RepairType.category == category, RepairType.retired_at.is_(None))
            .order_by(RepairType.price_minor, RepairType.slug)
        )
    )


def listed_repair_types(
    uow: UnitOfWork, category: str | None, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Of one category, or of all."""
    query = select(RepairType).where(RepairType.retired_at.is_(None))
    if category is not None:
        query = query.where(RepairType.category == category)
    order = [RepairType.category, RepairType.slug]
    return page(uow.session, query, order, limit=limit, after=after, oldest_first=True)


def price_of(repair: RepairType, model: DeviceModel | None) -> int:
    """Minor units: the model's own price, else that of its category."""
    own = model.prices.get(repair.slug) if model else None
    return repair.price_minor if own is None else own
