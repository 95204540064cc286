"""Searching models: by the beginnings of words, by model number, and past slips of the pen.

Every word typed must begin a word of the model. When nothing fits, words that are in no model are
replaced by the likest ones (pg_trgm) and the search is made again. The newest `MOST_FOUND` matches
are ranked and counted, so that a search costs the same in a large catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import CTE, Text, cast, exists, false, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql.expression import lateral

from crm.catalog import words
from crm.catalog.models import DeviceModel, Word
from crm.core.paging import Page
from crm.core.uow import UnitOfWork

MOST_FOUND = 1000
FACETS = ("category", "brand", "year")
_LIKEST = 3
_LIKE_ENOUGH = 0.4


@dataclass(frozen=True)
class Filters:
    """brand: in any case. year_from, year_to: inclusive."""

    category: str | None = None
    brand: str | None = None
    year_from: int | None = None
    year_to: int | None = None


@dataclass(frozen=True)
class Found:
    """facets: name -> {value: count}, on the first page alone. is_partial: more than MOST_FOUND
    match and the older ones are left out. corrected: what was searched for instead of the words
    typed, None when those were found."""

    page: Page
    facets: dict[str, dict[Any, int]] = field(default_factory=dict)
    is_partial: bool = False
    corrected: str | None = None


def search(
    uow: UnitOfWork,
    q: str | None,
    filters: Filters,
    *,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Found:
    """Models that fit: exact names and numbers first, then the newest.

    after: an earlier `Found.page.next`: [is exact, year, id, is corrected].
    """
    if q is None:
        return _read(uow, _matching(None, "", filters), limit, after)
    typed = words.typed(q)
    if not typed:
        return Found(Page([], None))
    if after is None or not after[3]:
        choices = [[token] for token in typed]
        found = _read(uow, _matching(choices, "".join(typed), filters), limit, after)
        if found.page.items or after is not None:
            return found
    choices = _corrected(uow, [part for token in typed for part in words.split(token)])
    found = _read(uow, _matching(choices, "", filters), limit, after)
    page = found.page
    return replace(
        found,
        page=Page(page.items, [*page.next[:3], True] if page.next else None),
        corrected=" ".join("/".join(choice) for choice in choices) if page.items else None,
    )


def _matching(choices: list[list[str]] | None, exact: str, filters: Filters) -> CTE:
    """The newest matches. choices: for each word what may stand for it; None matches all models."""
    model = DeviceModel
    wanted = [model.retired_at.is_(None)]
    if choices is not None:
        # Words are letters and digits alone, so nothing in them can be an operator.
        query = " & ".join(
            f"({' | '.join(f'{word}:*' for word in choice)})" for choice in choices
        )
        wanted.append(model.search.op("@@")(cast(literal(query, Text), TSQUERY)))
    if filters.category is not None:
        wanted.append(model.category == filters.category)
    if filters.brand is not None:
        wanted.append(func.lower(model.brand) == filters.brand.lower())
    if filters.year_from is not None:
        wanted.append(model.year >= filters.year_from)
    if filters.year_to is not None:
        wanted.append(model.year <= filters.year_to)
    is_exact = model.words.contains([exact]) if exact else false()
    return (
        select(model.id, model.category, model.brand, model.year, is_exact.label("is_exact"))
        .where(*wanted)
        .order_by(model.year.desc(), model.id.desc())
        .limit(MOST_FOUND)
        .cte("found")
    )


def _read(uow: UnitOfWork, found: CTE, limit: int, after: Sequence[Any] | None) -> Found:
    place = (found.c.is_exact, found.c.year, found.c.id)
    query = select(DeviceModel, found.c.is_exact).join(found, found.c.id == DeviceModel.id)
    if after is not None:
        last = [literal(value, column.type) for column, value in zip(place, after, strict=False)]
        query = query.where(tuple_(*place) < tuple_(*last))
    query = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
    rows = uow.session.execute(query).all()
    page = Page([model for model, _ in rows[:limit]], None)
    if len(rows) > limit:
        model, is_exact = rows[limit - 1]
        page = replace(page, next=[is_exact, model.year, model.id, False])
    if after is not None or not rows:
        return Found(page)
    facets = _facets(uow, found)
    return Found(page, facets, is_partial=sum(facets["category"].values()) == MOST_FOUND)


def _facets(uow: UnitOfWork, found: CTE) -> dict[str, dict[Any, int]]:
    """The commonest value of each first."""
    columns = [found.c[name] for name in FACETS]
    counted = select(*columns, func.count().label("count")).group_by(
        func.grouping_sets(*(tuple_(column) for column in columns))
    )
    facets: dict[str, dict[Any, int]] = {name: {} for name in FACETS}
    for row in uow.session.execute(counted.order_by(func.count().desc(), *columns)):
        # In each row all but one of the columns are null.
        name = next(name for name in FACETS if getattr(row, name) is not None)
        facets[name][getattr(row, name)] = row.count
    return facets


def _corrected(uow: UnitOfWork, typed: list[str]) -> list[list[str]]:
    """For each word itself, or the likest known ones when no known word begins with it."""
    told = [token for token in dict.fromkeys(typed) if token.isalpha()]
    one = func.unnest(cast(told, ARRAY(Text))).table_valued("token").render_derived("typed")
    likeness = func.word_similarity(one.c.token, Word.word)
    likest = lateral(
        select(Word.word)
        .where(likeness > _LIKE_ENOUGH)
        .order_by((likeness + func.similarity(one.c.token, Word.word)).desc(), Word.word)
        .limit(_LIKEST)
    )
    is_known = exists().where(Word.word.startswith(one.c.token))
    rows = uow.session.execute(select(one.c.token, likest.c.word).where(~is_known))
    instead: dict[str, list[str]] = {}
    for token, word in rows:
        instead.setdefault(token, []).append(word)
    return [instead.get(token, [token]) for token in typed]
