"""What is written down when a device is handed in, and the checklists before and after the work."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, create
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.intake import queries, service
from crm.intake.models import Intake
from crm.intake.rules import Condition, DeviceClass, Result, Stage
from crm.intake.service import Answer, Record
from crm.promises.history import model_named
from crm.repairs import queries as repair_queries
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address

blp = Blueprint("intakes", __name__, url_prefix="/api/v1/repairs", description="Intake")

REF = "<string(maxlength=40):ref>"
MOST_ACCESSORIES = 30
MOST_ITEMS = 100


class IntakeForm(Strict):
    """The whole record: what is left out is emptied. device_class: kept, or guessed from the device.

    imei: 15 digits; a wrong digit is refused.
    """

    imei = Text(40, allow_none=True)
    serial = Text(64, allow_none=True)
    accessories = fields.List(
        Text(80), validate=validate.Length(max=MOST_ACCESSORIES), load_default=list
    )
    condition = one_of(*Condition, allow_none=True)
    condition_notes = Text(2000, at_least=0, load_default="")
    device_class = one_of(*DeviceClass)


class EarlierRepair(Schema):
    ref = fields.String()
    device = fields.String()
    status = fields.String()
    received_at = Moment()


class IntakeRecord(Schema):
    """earlier: other repairs of the same IMEI or serial number, newest first, at most 20."""

    device_class = fields.String()
    imei = fields.String(allow_none=True)
    serial = fields.String(allow_none=True)
    accessories = fields.List(fields.String())
    condition = fields.String(allow_none=True)
    condition_notes = fields.String()
    opened_by = fields.String()
    opened_at = Moment()
    updated_at = Moment()
    earlier = fields.List(fields.Nested(EarlierRepair))


class ChecklistOpening(Strict):
    """device_class: guessed from the device where it is left out."""

    device_class = one_of(*DeviceClass)


class ItemAnswer(Strict):
    stage = one_of(*Stage, required=True)
    slug = Text(80, required=True)
    result = one_of(*Result, required=True)
    note = Text(500, at_least=0, load_default="")


class ChecklistAnswers(Strict):
    items = fields.List(
        fields.Nested(ItemAnswer),
        required=True,
        validate=validate.Length(min=1, max=MOST_ITEMS),
    )


class ChecklistWaiver(Strict):
    stage = one_of(*Stage, required=True)
    reason = Text(500, required=True)


class ChecklistItemState(Schema):
    """words: locale -> the sentence that is judged. result: null until it was."""

    slug = fields.String()
    words = fields.Dict(keys=fields.String(), values=fields.String())
    result = fields.String(allow_none=True)
    note = fields.String()
    answered_by = fields.String(allow_none=True)
    answered_at = Moment(allow_none=True)


class ChecklistStage(Schema):
    """`before` holds up diagnosing and later, `after` ready_pickup and later; unless waived."""

    stage = fields.String()
    version = fields.Integer()
    is_complete = fields.Boolean()
    finished_at = Moment(allow_none=True)
    waived_at = Moment(allow_none=True)
    waived_by = fields.String(allow_none=True)
    waived_because = fields.String(allow_none=True)
    items = fields.List(fields.Nested(ChecklistItemState))


class RepairChecklist(Schema):
    device_class = fields.String()
    stages = fields.List(fields.Nested(ChecklistStage))


@blp.route(f"/{REF}/intake", methods=["GET"])
@allow("intakes.read")
@blp.response(200, IntakeRecord)
def show_intake(ref):
    """What was handed in, with earlier repairs of the same device"""
    with here().units() as uow:
        repair = repair_queries.by_ref(uow, ref)
        return _shown(uow, queries.by_repair(uow, repair.id))


@blp.route(f"/{REF}/intake", methods=["PUT"])
@allow("intakes.write")
@blp.arguments(IntakeForm)
@blp.response(200, IntakeRecord)
def record_intake(body, ref):
    """Write what was handed in; the first time also opens the checklist"""
    actor = principal().actor
    with here().units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        intake = _opened(uow, repair, body.get("device_class"))
        service.record(uow, intake, Record(**body), actor)
        uow.session.flush()
        return _shown(uow, intake)


@blp.route(f"/{REF}/checklist", methods=["GET"])
@allow("intakes.read")
@blp.response(200, RepairChecklist)
def show_checklist(ref):
    """The checklist as it was opened; looking opens none"""
    with here().units() as uow:
        return _shown_checklist(uow, repair_queries.by_ref(uow, ref))


@blp.route(f"/{REF}/checklist", methods=["POST"])
@allow("intakes.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(ChecklistOpening)
@blp.response(201, RepairChecklist)
def open_checklist(body, ref):
    """Open the checklist; from now on the repair needs its answers"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        repair = repairs.find(uow, Address(ref=ref))
        wanted = body.get("device_class")
        intake = _opened(uow, repair, wanted)
        if wanted is not None:
            service.change_class(uow, intake, DeviceClass(wanted))
        return _shown_checklist(uow, repair)

    return create(RepairChecklist, work)


@blp.route(f"/{REF}/checklist", methods=["PATCH"])
@allow("intakes.write")
@blp.arguments(ChecklistAnswers)
@blp.response(200, RepairChecklist)
def answer_checklist(body, ref):
    """Answer items: all of the request or none"""
    answers = [Answer(**item) for item in body["items"]]
    if len({(one.stage, one.slug) for one in answers}) < len(answers):
        raise Invalid("answered twice", errors={"items": ["Give each item once."]})
    with here().units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        service.answer(uow, repair.id, answers, principal().actor)
        uow.session.flush()
        return _shown_checklist(uow, repair)


@blp.route(f"/{REF}/checklist/waivers", methods=["POST"])
@allow("checklists.waive")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(ChecklistWaiver)
@blp.response(201, RepairChecklist)
def waive_checklist(body, ref):
    """Let the repair pass one stage without its checklist, with a reason; audited"""
    if not body["reason"].strip():
        raise Invalid("no reason", errors={"reason": ["Say why."]})

    def work(uow: UnitOfWork) -> dict[str, Any]:
        repair = repairs.find(uow, Address(ref=ref))
        stage = Stage(body["stage"])
        service.waive(uow, repair.id, repair.ref, stage, body["reason"], principal().actor)
        uow.session.flush()
        return _shown_checklist(uow, repair)

    return create(RepairChecklist, work)


def _opened(uow: UnitOfWork, repair: Repair, wanted: str | None) -> Intake:
    if wanted is None:
        model = model_named(uow, repair.device)
        device_class = queries.class_of(uow, model.category if model else None)
    else:
        device_class = DeviceClass(wanted)
    return service.open_intake(uow, repair.id, device_class, principal().actor)


def _shown(uow: UnitOfWork, intake: Intake) -> dict[str, Any]:
    """An intake as `IntakeRecord` dumps it."""
    columns = ("device_class", "imei", "serial", "accessories", "condition", "condition_notes",
               "opened_by", "opened_at", "updated_at")  # fmt: skip
    earlier = select(Repair).where(Repair.id.in_(queries.earlier_ids(uow, intake)))
    return {
        **{name: getattr(intake, name) for name in columns},
        "earlier": uow.session.scalars(earlier.order_by(Repair.id.desc())).all(),
    }


def _shown_checklist(uow: UnitOfWork, repair: Repair) -> dict[str, Any]:
    """Raises NotFound while none was opened."""
    intake = queries.by_repair(uow, repair.id)
    items = queries.items(uow, repair.id)
    columns = ("stage", "version", "finished_at", "waived_at", "waived_by", "waived_because")
    stages = [
        {
            **{name: getattr(stage, name) for name in columns},
            "is_complete": stage.finished_at is not None or stage.waived_at is not None,
            "items": [item for item in items if item.stage == stage.stage],
        }
        for stage in queries.stages(uow, repair.id)
    ]
    return {"device_class": intake.device_class, "stages": stages}
