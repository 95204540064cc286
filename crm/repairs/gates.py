"""What holds up a move of a repair: checklists, approval, proof of collection, loan devices.

Staff are stopped; a report of a shop system is a fact, and what it passed over is told to staff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm.agreements import gates as agreement_gates
from crm.core.uow import UnitOfWork
from crm.intake import gates as intake_gates
from crm.loans import gates as loan_gates
from crm.quotes import gates as quote_gates
from crm.repairs import rules
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus

# The stages that cost what the customer agreed to.
_WORK = (
    RepairStatus.REPAIRING, RepairStatus.TESTING, RepairStatus.COMPLETED, RepairStatus.READY_PICKUP,
)  # fmt: skip


@dataclass(frozen=True)
class Skipped:
    """outcome: of the history's entry. told: what was passed over, for staff."""

    outcome: str
    told: str
    details: Mapping[str, str] = field(default_factory=dict)


def need_open(uow: UnitOfWork, repair: Repair, to: RepairStatus) -> None:
    """Raises Conflict (`checklist-incomplete`, `approval-needed`, `proof-of-collection-needed`,
    `loan-open`)."""
    intake_gates.need_answers(uow, repair.id, rules.stages_due(to))
    if to in _WORK:
        quote_gates.need_approval(uow, repair.id, repair.estimate_minor)
    if to is RepairStatus.DELIVERED:
        agreement_gates.need_collection_proof(uow, repair.id)
        loan_gates.need_returned(uow, repair.id)


def skipped(uow: UnitOfWork, repair: Repair, since: RepairStatus) -> list[Skipped]:
    """What the repair passed over on its way from `since` to where it stands."""
    stages = rules.stages_due(RepairStatus(repair.status), since=since)
    found = [
        Skipped("checklist_skipped", "; ".join(lacking.words), {"stage": lacking.stage.value})
        for lacking in intake_gates.missing(uow, repair.id, stages)
    ]
    over = quote_gates.over(uow, repair.id, repair.estimate_minor)
    if over and since not in _WORK and repair.status in _WORK:
        found.append(Skipped("approval_skipped", over))
    names = loan_gates.still_out(uow, repair.id)
    if names and repair.status == RepairStatus.DELIVERED:
        found.append(Skipped("loan_still_out", "; ".join(names)))
    return found
