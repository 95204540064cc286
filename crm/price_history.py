"""What finished repairs cost against their first estimate: joins repairs and the catalogue.

Only what repairs keep is used: the device as text and the amounts in their history. A repair is
taken for one of a model when its device is written like the model's name.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Integer, cast, func, or_, select

from crm.catalog.models import DeviceModel
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.statuses import RepairFlag, RepairStatus

FINISHED = (RepairStatus.COMPLETED, RepairStatus.READY_PICKUP, RepairStatus.DELIVERED)
NOT_DONE = (RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE)
MOST_SAMPLES = 200
KEPT_FRESH = timedelta(days=730)


def percents(uow: UnitOfWork, model: DeviceModel | None) -> list[int]:
    """The last price of finished repairs in per cent of the first one told, newest first.

    None of two years are older, none were given up. Without a model there is nothing to compare.
    """
    if model is None:
        return []
    told = cast(RepairEntry.details["estimate_minor"].astext, Integer)
    first = (
        select(told)
        .where(RepairEntry.repair_id == Repair.id, told.is_not(None))
        .order_by(RepairEntry.id)
        .limit(1)
        .scalar_subquery()
    )
    names = (model.name.lower(), f"{model.brand} {model.name}".lower())
    finished = (
        select(Repair.estimate_minor.label("last"), first.label("first"))
        .where(
            Repair.status.in_(FINISHED),
            func.lower(Repair.device).in_(names),
            Repair.estimate_minor.is_not(None),
            Repair.status_at > uow.now - KEPT_FRESH,
            ~or_(*(Repair.flags.contains([flag]) for flag in NOT_DONE)),
        )
        .order_by(Repair.id.desc())
        .limit(MOST_SAMPLES)
        .subquery()
    )
    rows = uow.session.execute(select(finished).where(finished.c.first > 0))
    return [round(100 * last / first) for last, first in rows]
