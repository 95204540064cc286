"""How often work does not last: the share of warranty lines whose device came back within the term."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select

from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairFlag
from crm.warranties.models import ComeBack, WarrantyLine

ENOUGH = 10
MOST_GROUPS = 50


@dataclass(frozen=True)
class Share:
    """name: a repair type or technician; None of all together. rate: None below `ENOUGH` lines."""

    name: str | None
    lines: int
    came_back: int

    @property
    def rate(self) -> float | None:
        return self.came_back / self.lines if self.lines >= ENOUGH else None


@dataclass(frozen=True)
class ComeBacks:
    overall: Share
    by_repair_type: list[Share]
    by_technician: list[Share]


def come_backs(uow: UnitOfWork, first: date, last: date) -> ComeBacks:
    """Of devices handed over on these days, both inclusive. At most 50 groups, the largest first.

    Work without a warranty is left out, since nothing of it can come back under one. A come-back is
    taken in within its line's term only; one that was cancelled was none.
    """
    within = (
        WarrantyLine.started_on.between(first, last),
        or_(WarrantyLine.work_until.is_not(None), WarrantyLine.part_until.is_not(None)),
    )
    counts = (func.count(), func.count().filter(_came_back()))

    def by(column: Any) -> list[Share]:
        query = (
            select(column, *counts)
            .where(*within, column.is_not(None))
            .group_by(column)
            .order_by(func.count().desc(), column)
            .limit(MOST_GROUPS)
        )
        return [Share(*row) for row in uow.session.execute(query)]

    overall = uow.session.execute(select(*counts).where(*within)).one()
    return ComeBacks(Share(None, *overall), by(WarrantyLine.slug), by(WarrantyLine.technician))


def _came_back() -> ColumnElement[bool]:
    return (
        exists()
        .where(ComeBack.original_id == WarrantyLine.repair_id)
        .where(ComeBack.lines.has_key(WarrantyLine.slug))
        .where(Repair.id == ComeBack.repair_id)
        .where(~Repair.flags.contains([RepairFlag.CANCELLED]))
        .correlate(WarrantyLine)
    )
