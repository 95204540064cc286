"""Pages of a list, continued from the last row seen, so that no row shows twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session


@dataclass(frozen=True)
class Page:
    """items: mapped objects. next: where the following page starts, None on the last one."""

    items: list[Any]
    next: list[Any] | None


def page(
    session: Session,
    statement: Select,
    order: Sequence[InstrumentedAttribute],
    *,
    limit: int,
    after: Sequence[Any] | None = None,
    oldest_first: bool = False,
) -> Page:
    """order: columns that together are unique, sorted descending unless `oldest_first`.

    after: an earlier `Page.next`; moments may have become ISO 8601 text on the way.
    """
    if after is not None:
        last = [literal(value, column.type) for column, value in zip(order, after, strict=True)]
        here, there = tuple_(*order), tuple_(*last)
        position: ColumnElement[bool] = here > there if oldest_first else here < there
        statement = statement.where(position)
    sorting = [column.asc() if oldest_first else column.desc() for column in order]
    rows = list(session.scalars(statement.order_by(*sorting).limit(limit + 1)))
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], [getattr(rows[limit - 1], column.key) for column in order])
