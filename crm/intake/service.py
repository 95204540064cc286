"""Commands on intake records and checklists. Whoever calls has locked the repair.

What an unfinished checklist holds up is decided in `gates.py`; past repairs of a device are read in
`queries.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.intake import queries, rules
from crm.intake.events import ChecklistFinished, ChecklistWaived, IntakeOpened, IntakeRecorded
from crm.intake.models import Checklist, ChecklistItem, Intake
from crm.intake.rules import Condition, DeviceClass, Result, Stage


@dataclass(frozen=True)
class Record:
    """imei, serial: as typed. device_class: None leaves it as it is."""

    imei: str | None = None
    serial: str | None = None
    accessories: Sequence[str] = ()
    condition: Condition | None = None
    condition_notes: str = ""
    device_class: DeviceClass | None = None


@dataclass(frozen=True)
class Answer:
    result: Result
    note: str = ""
    stage: Stage = field(kw_only=True)
    slug: str = field(kw_only=True)


def open_intake(uow: UnitOfWork, repair_id: int, device_class: DeviceClass, actor: Actor) -> Intake:
    """The repair's intake record, made with both checklists where there is none yet."""
    known = uow.session.get(Intake, repair_id)
    if known is not None:
        return known
    intake = Intake(
        repair_id=repair_id,
        device_class=device_class,
        accessories=[],
        condition_notes="",
        opened_by=actor.name,
        opened_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(intake)
    _copy_lists(uow, intake)
    uow.record(IntakeOpened(repair_id, actor, intake.device_class))
    return intake


def record(uow: UnitOfWork, intake: Intake, told: Record, actor: Actor) -> Intake:
    """Write the whole record; what is not told is emptied, except the device class.

    Raises Invalid (`wrong-imei`), Conflict (`checklist-begun`: the class decides the questions).
    """
    imei = rules.read_imei(told.imei) if told.imei else None
    if told.device_class is not None:
        change_class(uow, intake, told.device_class)
    intake.imei = imei
    intake.serial = rules.read_serial(told.serial) if told.serial else None
    intake.accessories = list(told.accessories)
    intake.condition = told.condition
    intake.condition_notes = told.condition_notes
    intake.updated_at = uow.now
    uow.record(IntakeRecorded(intake.repair_id, actor))
    return intake


def change_class(uow: UnitOfWork, intake: Intake, device_class: DeviceClass) -> None:
    """Ask the questions of another device class. Raises Conflict (`checklist-begun`)."""
    if intake.device_class == device_class:
        return
    if any(item.result for item in queries.items(uow, intake.repair_id)):
        raise Conflict(
            f"the checklist for a {intake.device_class} has answers already",
            code="checklist-begun",
        )
    intake.device_class = device_class
    for table in (ChecklistItem, Checklist):
        uow.session.execute(delete(table).where(table.repair_id == intake.repair_id))
    _copy_lists(uow, intake)


def answer(uow: UnitOfWork, repair_id: int, answers: Sequence[Answer], actor: Actor) -> None:
    """Take in answers; a later one replaces an earlier. All or none.

    Raises NotFound (no checklist), Invalid (an item this checklist does not have).
    """
    stages = _stages(uow, repair_id)
    items = {(item.stage, item.slug): item for item in queries.items(uow, repair_id)}
    unknown = [one.slug for one in answers if (one.stage, one.slug) not in items]
    if unknown:
        told = f"Not on this checklist: {', '.join(unknown)}."
        raise Invalid("unknown items", errors={"items": [told]})
    for one in answers:
        item = items[one.stage, one.slug]
        item.result, item.note = one.result, one.note
        item.answered_by, item.answered_at = actor.name, uow.now
    for name, stage in stages.items():
        whole = all(item.result for item in items.values() if item.stage == name)
        if whole and stage.finished_at is None:
            stage.finished_at = uow.now
            uow.record(ChecklistFinished(repair_id, actor, name))


def waive(
    uow: UnitOfWork, repair_id: int, repair_ref: str, stage: Stage, reason: str, actor: Actor
) -> None:
    """Let the repair pass one stage without its checklist. Audited.

    Raises NotFound, Conflict (`checklist-finished`, `checklist-waived`: there is nothing to waive).
    """
    checklist = _stages(uow, repair_id)[stage]
    if checklist.finished_at is not None:
        raise Conflict("this checklist is finished", code="checklist-finished")
    if checklist.waived_at is not None:
        raise Conflict("this checklist was waived before", code="checklist-waived")
    checklist.waived_at, checklist.waived_by = uow.now, actor.name
    checklist.waived_because = reason
    audit.write(uow, actor, "checklist.waive", repair_ref, {"stage": stage.value, "reason": reason})
    uow.record(ChecklistWaived(repair_id, actor, stage.value))


def _stages(uow: UnitOfWork, repair_id: int) -> Mapping[str, Checklist]:
    stages = queries.stages(uow, repair_id)
    if not stages:
        raise NotFound("no checklist was opened for this repair")
    return {checklist.stage: checklist for checklist in stages}


def _copy_lists(uow: UnitOfWork, intake: Intake) -> None:
    lists = rules.lists()
    for stage, items in lists.classes[DeviceClass(intake.device_class)].items():
        uow.session.add(Checklist(repair_id=intake.repair_id, stage=stage, version=lists.version))
        uow.session.flush()
        uow.session.add_all(
            ChecklistItem(
                repair_id=intake.repair_id,
                stage=stage,
                slug=item.slug,
                position=position,
                words=dict(item.words),
                note="",
            )
            for position, item in enumerate(items)
        )
    uow.session.flush()
