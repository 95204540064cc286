"""What a tracking page may show of a repair: its steps, dates and the public part of its history."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bridge.live import News
from bridge.pages.tracking.words import ENDING_FLAGS, TOLD_OUTCOMES
from crm.core import clock
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.promises import queries as promises
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.queries import by_ref
from crm.repairs.rules import Outcome
from crm.repairs.statuses import RepairFlag, RepairStatus

DONE, SKIPPED, PRESENT, AHEAD = "done", "skipped", "present", "ahead"


@dataclass(frozen=True)
class Reached:
    """A status the customer was told of, or None beside the outcome of other news.

    at: when it was. note: the workshop's words.
    """

    status: RepairStatus | None
    outcome: str
    at: datetime
    note: str | None


@dataclass(frozen=True)
class Expected:
    """When it is ready, both days inclusive. is_overdue: the last one has passed."""

    first_on: date
    last_on: date
    is_overdue: bool


@dataclass(frozen=True)
class Progress:
    """steps: every status with `done skipped present ahead`. expected: None once it is moot.

    ended_by: why the way ended early. flags: all others. event_id: of the latest event in it.
    """

    ref: str
    device: str
    status: RepairStatus
    flags: tuple[RepairFlag, ...]
    steps: tuple[tuple[RepairStatus, str], ...]
    history: tuple[Reached, ...]
    expected: Expected | None
    ended_by: RepairFlag | None
    updated_at: datetime
    event_id: int


def of(uow: UnitOfWork, repair: Repair, zone: ZoneInfo) -> Progress:
    """zone: the shop's, whose days count."""
    # Read first: what comes in between is then told once more, and never left out.
    event_id = newest(uow, [repair.id])[repair.id].event_id
    entries = uow.session.scalars(
        select(RepairEntry).where(RepairEntry.repair_id == repair.id).order_by(RepairEntry.id)
    ).all()
    status, flags, ended_by = _status(repair)
    history = public_history(entries)
    return Progress(
        ref=repair.ref,
        device=repair.device,
        status=status,
        flags=flags,
        steps=steps(status, {one.status for one in history if one.status}),
        history=history,
        expected=expected(uow, repair, zone),
        ended_by=ended_by,
        updated_at=repair.status_at,
        event_id=event_id,
    )


@dataclass(frozen=True)
class Standing:
    """The state alone, for whoever knows a reference but has no link."""

    ref: str
    status: RepairStatus
    flags: tuple[RepairFlag, ...]
    ended_by: RepairFlag | None
    expected: Expected | None
    updated_at: datetime


def standing(uow: UnitOfWork, typed: str, zone: ZoneInfo) -> Standing:
    """typed: a reference as a person types it. Raises NotFound: wrong and unknown are the same."""
    repair = by_ref(uow, typed)
    status, flags, ended_by = _status(repair)
    return Standing(
        ref=repair.ref,
        status=status,
        flags=flags,
        ended_by=ended_by,
        expected=expected(uow, repair, zone),
        updated_at=repair.status_at,
    )


def expected(uow: UnitOfWork, repair: Repair, zone: ZoneInfo) -> Expected | None:
    told = promises.told(uow, repair, zone)
    if told is None:
        return None
    first_on = max(told.from_on, uow.now.astimezone(zone).date())
    return Expected(min(first_on, told.to_on), told.to_on, told.is_overdue)


def _status(
    repair: Repair,
) -> tuple[RepairStatus, tuple[RepairFlag, ...], RepairFlag | None]:
    """The status, the flags that stand beside it, and the one that ended the way early."""
    status, ended_by = RepairStatus(repair.status), None
    if status is not RepairStatus.DELIVERED:
        ended_by = next((flag for flag in ENDING_FLAGS if flag in repair.flags), None)
    flags = tuple(f for f in RepairFlag if f in repair.flags and f is not ended_by)
    return status, flags, ended_by


def newest(uow: UnitOfWork, repair_ids: Collection[int]) -> dict[int, News]:
    """What open pages are told of each repair; a repair that is gone is left out."""
    latest = (
        select(func.max(EventRow.id))
        .where(EventRow.subject_kind == "repair", EventRow.subject_id == Repair.id)
        .scalar_subquery()
    )
    rows = uow.session.execute(
        select(Repair.id, Repair.status, Repair.updated_at, latest).where(Repair.id.in_(repair_ids))
    )
    found = {}
    for repair_id, status, updated_at, event_id in rows:
        number = event_id or 0
        data = {"state": status, "updated_at": clock.iso(updated_at), "version": number}
        message = f"id: {number}\nevent: repair\ndata: {json.dumps(data)}\n\n"
        found[repair_id] = News(number, message.encode())
    return found


def public_history(entries: Sequence[RepairEntry]) -> tuple[Reached, ...]:
    """Only what the customer may know, oldest first; what a correction took back is gone."""
    told: list[Reached] = []
    for entry in entries:
        if entry.outcome == Outcome.CORRECTED:
            back_to = RepairStatus(entry.to_status)
            told = [one for one in told if not one.status or one.status.rank <= back_to.rank]
        elif entry.outcome in ("created", Outcome.MOVED):
            status = RepairStatus(entry.to_status)
            told.append(Reached(status, entry.outcome, entry.occurred_at, entry.note))
        elif entry.outcome in TOLD_OUTCOMES and (entry.note or entry.outcome != "note"):
            told.append(Reached(None, entry.outcome, entry.occurred_at, entry.note))
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
