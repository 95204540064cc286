"""Reads of follow-ups and of what customers answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.followups.models import FollowUp, Survey
from crm.followups.rules import ENOUGH

MOST_GROUPS = 50


@dataclass(frozen=True)
class Mark:
    """name: a technician; None of all together. marks: how often 1, 2, 3, 4 and 5 were given.

    average: None below `ENOUGH` answers, which say little and may name a single customer.
    """

    name: str | None
    count: int
    average: float | None
    marks: list[int]


def listed(
    uow: UnitOfWork,
    *,
    repair_id: int | None = None,
    customer_id: int | None = None,
    state: str | None = None,
    kind: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    exact = {
        FollowUp.repair_id: repair_id,
        FollowUp.customer_id: customer_id,
        FollowUp.state: state,
        FollowUp.kind: kind,
    }
    query = select(FollowUp).where(*(c == value for c, value in exact.items() if value is not None))
    return page(uow.session, query, [FollowUp.id], limit=limit, after=after)


def by_id(uow: UnitOfWork, follow_up_id: int) -> FollowUp:
    """Raises NotFound."""
    follow_up = uow.session.get(FollowUp, follow_up_id)
    if follow_up is None:
        raise NotFound("no such follow-up")
    return follow_up


def reviews(
    uow: UnitOfWork,
    *,
    technician: str | None = None,
    repair_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """The latest answer first. until: exclusive."""
    query = select(Survey).where(*_of(technician, since, until))
    if repair_id is not None:
        query = query.where(Survey.repair_id == repair_id)
    return page(uow.session, query, [Survey.at, Survey.id], limit=limit, after=after)


def summary(
    uow: UnitOfWork, technician: str | None, since: datetime | None, until: datetime | None
) -> tuple[Mark, list[Mark]]:
    """All together, and by technician: at most 50, the most often rated first."""
    where = _of(technician, since, until)
    figures = (
        func.count(),
        func.avg(Survey.rating),
        *(func.count().filter(Survey.rating == mark) for mark in range(1, 6)),
    )
    overall = uow.session.execute(select(*figures).where(*where)).one()
    by_technician = (
        select(Survey.technician, *figures)
        .where(*where, Survey.technician.is_not(None))
        .group_by(Survey.technician)
        .order_by(func.count().desc(), Survey.technician)
        .limit(MOST_GROUPS)
    )
    return _mark(None, *overall), [_mark(*row) for row in uow.session.execute(by_technician)]


def _of(
    technician: str | None, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    conditions = []
    if technician is not None:
        conditions.append(Survey.technician == technician)
    if since is not None:
        conditions.append(Survey.at >= since)
    if until is not None:
        conditions.append(Survey.at < until)
    return conditions


def _mark(name: str | None, count: int, average: Any, *marks: int) -> Mark:
    shown = round(float(average), 2) if count >= ENOUGH else None
    return Mark(name, count, shown, list(marks))
