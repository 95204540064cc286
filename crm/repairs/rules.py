"""Pure rules: which status follows which, and what late or repeated news does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crm.core.errors import Conflict
from crm.intake.rules import Stage
from crm.repairs.statuses import RepairStatus

# A shop may skip stages; it never goes back by itself (reliability.md, rule 7).
ALLOWED_MOVES = {
    status: tuple(other for other in RepairStatus if other.rank > status.rank)
    for status in RepairStatus
}


# The first status that wants the answers of a stage's checklist, where one was opened.
CHECKED_FROM = {Stage.BEFORE: RepairStatus.DIAGNOSING, Stage.AFTER: RepairStatus.READY_PICKUP}


class Outcome(StrEnum):
    MOVED = "moved"
    REPEATED = "repeated"
    LATE = "late"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class Standing:
    """Where a repair stands. version: the reporter's counter, if it keeps one."""

    status: RepairStatus
    version: int | None
    occurred_at: datetime


def judge(
    standing: Standing,
    to: RepairStatus,
    *,
    version: int | None,
    occurred_at: datetime | None,
    by_staff: bool,
    reason: str | None,
) -> Outcome:
    """What news of a status does.

    occurred_at: None means just now. A counting reporter is believed by its count alone: its clock
    may be slow. Going back is a correction: by staff only, with a reason; from a shop system it is
    late news. Raises Conflict (`reason-needed`).
    """
    counted = version is not None and standing.version is not None
    if counted and version <= standing.version:
        return Outcome.REPEATED if to == standing.status else Outcome.LATE
    if to == standing.status:
        return Outcome.REPEATED
    if not counted and occurred_at is not None and occurred_at < standing.occurred_at:
        return Outcome.LATE
    if to in ALLOWED_MOVES[standing.status]:
        return Outcome.MOVED
    if not by_staff:
        return Outcome.LATE
    if not reason:
        raise Conflict(
            f"going back from {standing.status} to {to} needs a reason", code="reason-needed"
        )
    return Outcome.CORRECTED


def stages_due(to: RepairStatus, *, since: RepairStatus | None = None) -> list[Stage]:
    """The checklist stages a repair needs at `to`. since: leave out those it needed there already."""
    return [
        stage
        for stage, first in CHECKED_FROM.items()
        if first.rank <= to.rank and (since is None or since.rank < first.rank)
    ]
