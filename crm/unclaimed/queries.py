"""Reads of unclaimed devices: which they are, how long each has waited, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.unclaimed import rules
from crm.unclaimed.models import UnclaimedStep
from crm.unclaimed.rules import Step


@dataclass(frozen=True)
class Wait:
    """days: of the shop's calendar. done: names of steps. is_paused: on hold."""

    days: int
    done: frozenset[str]
    is_paused: bool

    @property
    def next_step(self) -> Step | None:
        return rules.following(self.days, self.done, rules.rules().steps)


def is_waiting() -> tuple[ColumnElement[bool], ...]:
    """Ready, not yet handed over, not cancelled."""
    return (
        Repair.status == RepairStatus.READY_PICKUP,
        ~Repair.flags.contains([RepairFlag.CANCELLED]),
    )


def listed(uow: UnitOfWork, *, limit: int, after: Sequence[Any] | None = None) -> Page:
    """Repairs that wait for their owner, the longest waiting first."""
    query = select(Repair).where(*is_waiting())
    order = [Repair.status_at, Repair.id]
    return page(uow.session, query, order, limit=limit, after=after, oldest_first=True)


def wait(uow: UnitOfWork, repair: Repair, zone: ZoneInfo) -> Wait:
    """How long a ready repair has waited. zone: the shop's."""
    done = uow.session.scalars(
        select(UnclaimedStep.step).where(
            UnclaimedStep.repair_id == repair.id, UnclaimedStep.ready_at == repair.status_at
        )
    )
    today = uow.now.astimezone(zone).date()
    ready_on = repair.status_at.astimezone(zone).date()
    days = rules.days_waiting(ready_on, today, _holds(uow, repair, ready_on, today, zone))
    return Wait(days, frozenset(done), RepairFlag.ON_HOLD in repair.flags)


def _holds(
    uow: UnitOfWork, repair: Repair, ready_on: date, today: date, zone: ZoneInfo
) -> list[tuple[date, date]]:
    """Stretches since the device became ready during which it was on hold."""
    entries = uow.session.execute(
        select(RepairEntry.recorded_at, RepairEntry.details["after"])
        .where(RepairEntry.repair_id == repair.id, RepairEntry.outcome == "flags")
        .order_by(RepairEntry.id)
    )
    holds: list[tuple[date, date]] = []
    since: date | None = None
    for at, flags in entries:
        day = max(at.astimezone(zone).date(), ready_on)
        if RepairFlag.ON_HOLD in flags:
            since = since or day
        elif since is not None:
            holds.append((since, day))
            since = None
    return holds if since is None else [*holds, (since, today)]
