"""Searching models: by the beginnings of words, by model number, and past slips of the pen.

Every word typed must begin a word of the model. When nothing fits, words that are in no model are
replaced by the likest ones (pg_trgm) and the search is made again. The newest `MOST_FOUND` matches
are ranked and counted, so that a search costs the same in a large catalogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql.expression import lateral

from crm.catalog import words
from crm.catalog.models import DeviceModel, Word
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork

MOST_FOUND = 500
FACETS = ("year", "category", "brand")
# pg_trgm proposes, the count of slips decides: a swap of letters shares few trigrams.
_MOST_LIKE = 12
_LIKE_ENOUGH = 0.15


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
        return _browse(uow, filters, limit, after)
    typed = words.typed(q)
    if not typed:
        return Found(Page([], None))
    whole = "".join(typed)
    if after is None or not after[3]:
        as_typed = [[[token] for token in typed]]
        if any(len(token) == 1 for token in typed):
            # "i phone 12", "s 21": the name itself has no blank there.
            as_typed.append([[whole]])
        for choices in as_typed:
            found = _ranked(uow, *_matching(uow, choices, whole, filters), limit, after)
            if found.page.items:
                return found
        if after is not None:
            return found
    choices = _corrected(uow, [part for token in typed for part in words.split(token)])
    exact = "".join(choice[0] for choice in choices if len(choice) == 1)
    found = _ranked(uow, *_matching(uow, choices, exact, filters), limit, after)
    following = [*found.page.next[:3], True] if found.page.next else None
    return replace(
        found,
        page=replace(found.page, next=following),
        corrected=" ".join("/".join(one) for one in choices) if found.page.items else None,
    )


def _wanted(filters: Filters) -> list[ColumnElement[bool]]:
    model = DeviceModel
    wanted: list[ColumnElement[bool]] = [model.retired_at.is_(None)]
    if filters.category is not None:
        wanted.append(model.category == filters.category)
    if filters.brand is not None:
        wanted.append(func.lower(model.brand) == filters.brand.lower())
    if filters.year_from is not None:
        wanted.append(model.year >= filters.year_from)
    if filters.year_to is not None:
        wanted.append(model.year <= filters.year_to)
    return wanted


def _newest(uow: UnitOfWork, filters: Filters, *more: ColumnElement[bool]) -> Sequence[Row]:
    """The newest matches, short."""
    model = DeviceModel
    return uow.session.execute(
        select(model.id, model.year, model.category, model.brand)
        .where(*_wanted(filters), *more)
        .order_by(model.year.desc(), model.id.desc())
        .limit(MOST_FOUND)
    ).all()


def _matching(
    uow: UnitOfWork, choices: list[list[str]], exact: str, filters: Filters
) -> tuple[Sequence[Row], set[int]]:
    """(matches, ids of models whose whole name or number is `exact`). choices: for each word what
    may stand for it."""
    # Words are letters and digits alone, so nothing in them can be an operator.
    query = " & ".join(f"({' | '.join(f'{word}:*' for word in choice)})" for choice in choices)
    fits = DeviceModel.search.op("@@")(cast(literal(query, Text), TSQUERY))
    matches = _newest(uow, filters, fits)
    # No model is called by one sign alone.
    if len(exact) < 2 or len(matches) < 2:
        return matches, set()
    # Asked apart: looked up among all matches before they are cut, it would cost more than they do.
    is_exact = DeviceModel.search.op("@@")(cast(literal(exact, Text), TSQUERY))
    return matches, set(
        uow.session.scalars(select(DeviceModel.id).where(is_exact).limit(MOST_FOUND))
    )


def _browse(uow: UnitOfWork, filters: Filters, limit: int, after: Sequence[Any] | None) -> Found:
    """Every model of the filters, newest first; only the facets stop at MOST_FOUND."""
    query = select(DeviceModel).where(*_wanted(filters))
    order = [DeviceModel.year, DeviceModel.id]
    found = Found(page(uow.session, query, order, limit=limit, after=after))
    if after is not None or not found.page.items:
        return found
    return _with_facets(found, _newest(uow, filters))


def _ranked(
    uow: UnitOfWork,
    matches: Sequence[Row],
    exact: set[int],
    limit: int,
    after: Sequence[Any] | None,
) -> Found:
    """The page of the matches that begins after `after`; exact ones come first."""
    # Sorting is stable, and within each kind the matches are newest first already.
    places = [(id_ in exact, year, id_) for id_, year, *_ in matches]
    places.sort(key=itemgetter(0), reverse=True)
    if after is not None:
        places = [place for place in places if place < tuple(after[:3])]
    chosen = [place[2] for place in places[:limit]]
    query = select(DeviceModel).where(DeviceModel.id.in_(chosen))
    models = {model.id: model for model in uow.session.scalars(query)} if chosen else {}
    following = [*places[limit - 1], False] if len(places) > limit else None
    found = Found(Page([models[id_] for id_ in chosen], following))
    return found if after is not None or not chosen else _with_facets(found, matches)


def _with_facets(found: Found, matches: Sequence[Row]) -> Found:
    """The commonest value of each first."""
    # Columns at a time: a thousand rows one by one would cost more than finding them.
    columns = list(zip(*matches, strict=True))[-len(FACETS) :]
    counted = zip(FACETS, columns, strict=True)
    facets = {name: dict(Counter(values).most_common()) for name, values in counted}
    return replace(found, facets=facets, is_partial=len(matches) == MOST_FOUND)


def _corrected(uow: UnitOfWork, typed: list[str]) -> list[list[str]]:
    """For each word itself, or the likest known ones when no known word begins with it."""
    told = [token for token in dict.fromkeys(typed) if token.isalpha()]
    one = func.unnest(cast(told, ARRAY(Text))).table_valued("token").render_derived("typed")
    likeness = func.word_similarity(one.c.token, Word.word)
    likest = lateral(
        select(Word.word)
        .where(likeness > _LIKE_ENOUGH)
        .order_by(likeness.desc(), Word.word)
        .limit(_MOST_LIKE)
    )
    is_known = exists().where(Word.word.startswith(one.c.token))
    rows = uow.session.execute(select(one.c.token, likest.c.word).where(~is_known))
    like: dict[str, list[str]] = {}
    for token, word in rows:
        like.setdefault(token, []).append(word)
    return [words.likest(token, like.get(token, ())) or [token] for token in typed]
