"""Reads of intake records and checklists; nothing here locks."""

from __future__ import annotations

from sqlalchemy import case, or_, select

from crm.catalog.models import Category
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.intake import rules
from crm.intake.models import Checklist, ChecklistItem, Intake
from crm.intake.rules import DeviceClass, Stage

MOST_EARLIER = 20


def by_repair(uow: UnitOfWork, repair_id: int) -> Intake:
    """Raises NotFound while none was opened."""
    intake = uow.session.get(Intake, repair_id)
    if intake is None:
        raise NotFound("no intake was opened for this repair")
    return intake


def earlier_ids(uow: UnitOfWork, intake: Intake) -> list[int]:
    """Other repairs of the same IMEI or serial number, newest first, at most 20."""
    same = [
        column == value
        for column, value in ((Intake.imei, intake.imei), (Intake.serial, intake.serial))
        if value is not None
    ]
    if not same:
        return []
    query = (
        select(Intake.repair_id)
        .where(or_(*same), Intake.repair_id != intake.repair_id)
        .order_by(Intake.repair_id.desc())
        .limit(MOST_EARLIER)
    )
    return list(uow.session.scalars(query))


def stages(uow: UnitOfWork, repair_id: int) -> list[Checklist]:
    """`before`, then `after`; empty while none was opened."""
    place = case({stage.value: n for n, stage in enumerate(Stage)}, value=Checklist.stage)
    return list(
        uow.session.scalars(
            select(Checklist).where(Checklist.repair_id == repair_id).order_by(place)
        )
    )


def items(uow: UnitOfWork, repair_id: int) -> list[ChecklistItem]:
    """Of both stages, in the order in which they are asked."""
    return list(
        uow.session.scalars(
            select(ChecklistItem)
            .where(ChecklistItem.repair_id == repair_id)
            .order_by(ChecklistItem.stage.desc(), ChecklistItem.position)
        )
    )


def class_of(uow: UnitOfWork, category: str | None) -> DeviceClass:
    """The device class of a catalogue category; `other` where it tells none."""
    found = uow.session.get(Category, category) if category else None
    return rules.lists().icons.get(found.icon if found else "", DeviceClass.OTHER)
