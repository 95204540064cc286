"""The lines of a repair's history: what happened, by whom, when. Which line is due, the commands say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, RepairEntry


def write(
    uow: UnitOfWork,
    repair: Repair,
    outcome: str,
    actor: Actor,
    *,
    occurred_at: datetime | None = None,
    details: dict[str, Any] | None = None,
    **columns: Any,
) -> RepairEntry:
    """outcome, columns: see `RepairEntry`."""
    entry = RepairEntry(
        repair_id=repair.id,
        outcome=outcome,
        actor_kind=actor.kind,
        actor_name=actor.name,
        occurred_at=past(uow, occurred_at),
        recorded_at=uow.now,
        details=details or {},
        **columns,
    )
    uow.session.add(entry)
    uow.session.flush()
    repair.updated_at = uow.now
    return entry


def past(uow: UnitOfWork, told: datetime | None) -> datetime:
    """A reporter's fast clock must not make everything after it look late."""
    return min(told, uow.now) if told else uow.now
