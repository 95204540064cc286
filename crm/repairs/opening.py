"""A repair comes into being: its first state, its reference and the first line of its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from crm.core import refs
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs import history
from crm.repairs.events import RepairCreated
from crm.repairs.models import REF_PREFIX, Repair
from crm.repairs.statuses import RepairStatus


@dataclass(frozen=True)
class NewRepair:
    """estimate_minor: in the smallest unit of `currency`."""

    customer_id: int | None
    device: str = ""
    problem: str = ""
    status: RepairStatus = RepairStatus.RECEIVED
    owner_key: str | None = None
    external_id: str | None = None
    version: int | None = None
    technician: str | None = None
    estimated_on: date | None = None
    estimate_minor: int | None = None
    currency: str = "GBP"
    occurred_at: datetime | None = None
    note: str | None = None


def open_repair(uow: UnitOfWork, new: NewRepair, actor: Actor, *, by_staff: bool) -> Repair:
    occurred_at = history.past(uow, new.occurred_at)
    repair = Repair(
        ref=refs.free(uow, REF_PREFIX, Repair.ref),
        customer_id=new.customer_id,
        owner_key=new.owner_key,
        external_id=new.external_id,
        external_version=new.version,
        device=new.device,
        problem=new.problem,
        status=new.status,
        status_at=uow.now,
        status_occurred_at=occurred_at,
        flags=[],
        technician=new.technician,
        estimated_on=new.estimated_on,
        estimate_minor=new.estimate_minor,
        currency=new.currency,
        received_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(repair)
    uow.session.flush()
    entry = history.write(
        uow, repair, "created", actor, to_status=new.status, note=new.note, version=new.version,
        occurred_at=occurred_at, details={"estimate_minor": new.estimate_minor},
    )  # fmt: skip
    uow.record(RepairCreated(repair.id, actor, entry.id, by_staff))
    return repair
