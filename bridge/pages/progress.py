"""What a tracking page may show of a repair: its steps and the public part of its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from bridge.pages.words import ENDING_FLAGS
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.rules import Outcome
from crm.repairs.statuses import RepairFlag, RepairStatus

DONE, SKIPPED, PRESENT, AHEAD = "done", "skipped", "present", "ahead"


@dataclass(frozen=True)
class Reached:
    """A status the customer was told of. at: when it was reached. note: the workshop's words."""

    status: RepairStatus
    at: datetime
    note: str | None


@dataclass(frozen=True)
class Progress:
    """steps: every status with `done skipped present ahead`. expected_on: None once it is moot.

    is_overdue: that day has passed. ended_by: why the way ended early. flags: all others.
    """

    ref: str
    device: str
    status: RepairStatus
    flags: tuple[RepairFlag, ...]
    steps: tuple[tuple[RepairStatus, str], ...]
    history: tuple[Reached, ...]
    expected_on: date | None
    is_overdue: bool
    ended_by: RepairFlag | None
    updated_at: datetime


def of(uow: UnitOfWork, repair_id: int, today: date) -> Progress | None:
    """today: in the shop's zone. None when there is no such repair any more."""
    repair = uow.session.get(Repair, repair_id)
    if repair is None:
        return None
    entries = uow.session.scalars(
        select(RepairEntry).where(RepairEntry.repair_id == repair_id).order_by(RepairEntry.id)
    ).all()
    status = RepairStatus(repair.status)
    ended_by = None
    if status is not RepairStatus.DELIVERED:
        ended_by = next((flag for flag in ENDING_FLAGS if flag in repair.flags), None)
    history = public_history(entries)
    is_open = status.rank < RepairStatus.COMPLETED.rank and ended_by is None
    expected_on = repair.estimated_on if is_open else None
    return Progress(
        ref=repair.ref,
        device=repair.device,
        status=status,
        flags=tuple(f for f in RepairFlag if f in repair.flags and f is not ended_by),
        steps=steps(status, {one.status for one in history}),
        history=history,
        expected_on=expected_on,
        is_overdue=expected_on is not None and expected_on < today,
        ended_by=ended_by,
        updated_at=repair.status_at,
    )


def public_history(entries: Sequence[RepairEntry]) -> tuple[Reached, ...]:
    """Only what the customer was told, oldest first; what a correction took back is gone."""
    told: list[Reached] = []
    for entry in entries:
        if entry.to_status is None:
            continue
        status = RepairStatus(entry.to_status)
        if entry.outcome == Outcome.CORRECTED:
            told = [one for one in told if one.status.rank <= status.rank]
        elif entry.outcome in ("created", Outcome.MOVED):
            told.append(Reached(status, entry.occurred_at, entry.note))
    return tuple(told)


def steps(
    present: RepairStatus, reached: set[RepairStatus]
) -> tuple[tuple[RepairStatus, str], ...]:
    """The whole way with the place on it; a status that was passed over counts as skipped."""

    def place(status: RepairStatus) -> str:
        if status.rank == present.rank:
            return PRESENT
        if status.rank > present.rank:
            return AHEAD
        return DONE if status in reached else SKIPPED

    return tuple((status, place(status)) for status in RepairStatus)
