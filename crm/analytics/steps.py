"""Credit: every move of a repair is a finished step of whoever had it until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from crm.analytics.models import RepairStep
from crm.core.events import Actor
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.repairs.events import RepairStatusChanged
from crm.repairs.models import RepairEntry
from crm.staff.technician_models import Technician

_STARTS = ("created", "moved", "corrected")


def credit(uow: UnitOfWork, event: RepairStatusChanged) -> None:
    """Keep the step that ended with this move.

    It belongs to the technician the repair had before the move; where it had none, to the one named
    with it; else to the technician who made the move.
    """
    entry = uow.session.get_one(RepairEntry, event.entry_id)
    began = uow.session.scalar(
        select(RepairEntry.occurred_at)
        .where(
            RepairEntry.repair_id == entry.repair_id,
            RepairEntry.id < entry.id,
            RepairEntry.outcome.in_(_STARTS),
        )
        .order_by(RepairEntry.id.desc())
        .limit(1)
    )
    technician = entry.details.get("technician")
    known = _technician(uow, technician, event.actor)
    uow.session.add(
        RepairStep(
            entry_id=entry.id,
            repair_id=entry.repair_id,
            status=event.before,
            to_status=event.after,
            technician_id=known.id if known else None,
            technician=technician or (known.name if known else None),
            actor_kind=entry.actor_kind,
            actor_name=entry.actor_name,
            # A reporter's clock may run behind the one that told the step before.
            started_at=min(began, entry.occurred_at) if began else entry.occurred_at,
            finished_at=entry.occurred_at,
        )
    )


def of_technician(
    uow: UnitOfWork,
    technician_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first, with their repairs. since: inclusive; until: exclusive."""
    query = (
        select(RepairStep)
        .options(selectinload(RepairStep.repair))
        .where(RepairStep.technician_id == technician_id)
    )
    if since is not None:
        query = query.where(RepairStep.finished_at >= since)
    if until is not None:
        query = query.where(RepairStep.finished_at < until)
    return page(uow.session, query, [RepairStep.id], limit=limit, after=after)


def _technician(uow: UnitOfWork, name: str | None, actor: Actor) -> Technician | None:
    """Of that name, if only one has it; without a name the one who is signed in."""
    if name:
        meant = func.lower(Technician.name) == name.strip().lower()
    elif actor.kind == "staff" and (actor.id or "").isdecimal():
        meant = Technician.staff_id == int(actor.id)
    else:
        return None
    found = uow.session.scalars(select(Technician).where(meant).limit(2)).all()
    return found[0] if len(found) == 1 else None
