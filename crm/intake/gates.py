"""The gate before the work begins and before the device is handed out: answered checklists.

Repairs without an intake pass. Which status stands behind which stage is decided by whoever calls:
statuses are the repairs' own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.intake.models import Checklist, ChecklistItem
from crm.intake.rules import Stage


class Incomplete(Conflict):
    """errors: stage -> the sentences that nobody judged yet."""

    code = "checklist-incomplete"

    def __init__(self, missing: Sequence[Missing]):
        told = "; ".join(f"{one.stage} the work: {', '.join(one.words)}" for one in missing)
        super().__init__(f"the checklist has no answer yet to: {told}")
        self.errors = {one.stage.value: list(one.words) for one in missing}


@dataclass(frozen=True)
class Missing:
    """What one stage lacks. words: in English, as asked."""

    stage: Stage
    words: Sequence[str]


def missing(uow: UnitOfWork, repair_id: int, stages: Sequence[Stage]) -> list[Missing]:
    """The stages of `stages` that hold the repair up: opened, neither waived nor answered."""
    if not stages:
        return []
    rows = uow.session.execute(
        select(ChecklistItem.stage, ChecklistItem.words["en"].astext)
        .join(Checklist, (Checklist.repair_id == ChecklistItem.repair_id)
              & (Checklist.stage == ChecklistItem.stage))
        .where(
            ChecklistItem.repair_id == repair_id,
            ChecklistItem.stage.in_(stages),
            ChecklistItem.result.is_(None),
            Checklist.waived_at.is_(None),
        )
        .order_by(ChecklistItem.position)
    ).all()  # fmt: skip
    found = [Missing(stage, [words for of, words in rows if of == stage]) for stage in stages]
    return [one for one in found if one.words]


def need_answers(uow: UnitOfWork, repair_id: int, stages: Sequence[Stage]) -> None:
    """Raises Incomplete (`checklist-incomplete`) while an opened stage lacks answers."""
    found = missing(uow, repair_id, stages)
    if found:
        raise Incomplete(found)
