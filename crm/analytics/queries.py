"""Turnaround of repairs: how long steps and whole repairs took, in elapsed hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import aliased

from crm.analytics.models import RepairStep
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus

MOST_GROUPS = 50
_BEFORE = [one for one in RepairStatus if one.rank < RepairStatus.COMPLETED.rank]
_DONE = [one for one in RepairStatus if one.rank >= RepairStatus.COMPLETED.rank]


@dataclass(frozen=True)
class Turnaround:
    """name: of the status, technician or device; None of all together."""

    name: str | None
    count: int
    median_hours: float | None
    p85_hours: float | None


@dataclass(frozen=True)
class Report:
    """repairs, by_device: from the first status to the end of the work. The others: of steps."""

    repairs: Turnaround
    by_status: list[Turnaround]
    by_technician: list[Turnaround]
    by_device: list[Turnaround]


def report(uow: UnitOfWork, since: datetime, until: datetime) -> Report:
    """What ended within this time; until: exclusive. At most 50 groups, the largest first."""
    within = (RepairStep.finished_at >= since, RepairStep.finished_at < until)
    hours = func.extract("epoch", RepairStep.finished_at - RepairStep.started_at) / 3600
    first = aliased(RepairStep)
    began = (
        select(func.min(first.started_at))
        .where(first.repair_id == RepairStep.repair_id)
        .scalar_subquery()
    )
    whole = func.extract("epoch", RepairStep.finished_at - began) / 3600
    completed = (*within, RepairStep.status.in_(_BEFORE), RepairStep.to_status.in_(_DONE))
    device = func.min(Repair.device)
    by_device = (
        select(device, *_figures(whole))
        .join(Repair, Repair.id == RepairStep.repair_id)
        .where(*completed, Repair.device != "")
        .group_by(func.lower(Repair.device))
    )
    return Report(
        repairs=Turnaround(
            None, *uow.session.execute(select(*_figures(whole)).where(*completed)).one()
        ),
        by_status=_groups(uow, _by(RepairStep.status, hours, within)),
        by_technician=_groups(uow, _by(RepairStep.technician, hours, within)),
        by_device=_groups(uow, by_device),
    )


def _by(column: Any, hours: ColumnElement, within: tuple) -> Select:
    return select(column, *_figures(hours)).where(*within, column.is_not(None)).group_by(column)


def _figures(hours: ColumnElement) -> tuple[ColumnElement, ...]:
    return (
        func.count().label("number"),
        func.percentile_cont(0.5).within_group(hours.asc()),
        func.percentile_cont(0.85).within_group(hours.asc()),
    )


def _groups(uow: UnitOfWork, query: Select) -> list[Turnaround]:
    largest = query.order_by(func.count().desc(), query.selected_columns[0]).limit(MOST_GROUPS)
    return [Turnaround(*row) for row in uow.session.execute(largest)]
