"""Loan devices, and what is lent to whom while a repair lasts."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Flag, Moment, Strict, Text, Whole
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.loans import queries, service
from crm.loans.models import Loan as LoanRow
from crm.loans.service import NewLoan
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blp = Blueprint("loans", __name__, url_prefix="/api/v1", description="Loan devices")

REF = "<string(maxlength=40):ref>"
DEVICE = f"<int(max={MOST_BIGINT}):loan_device_id>"
LOAN = f"<int(max={MOST_BIGINT}):loan_id>"
USUAL_DAYS = 14
MOST_DAYS = 365


class LoanDeviceFields(Strict):
    """serial: IMEI or serial number as typed. is_active: may be lent."""

    name = Text(200, required=True)
    serial = Text(100, at_least=0)
    condition = Text(500, at_least=0)
    is_active = Flag()


class LoanDeviceChange(LoanDeviceFields):
    name = Text(200)


class LoanDevice(Schema):
    id = fields.Integer()
    name = fields.String()
    serial = fields.String()
    condition = fields.String()
    is_active = fields.Boolean()
    created_at = Moment()


class LoanDeviceQuery(ListQuery):
    is_active = fields.Boolean()


class LoanRequest(Strict):
    """device: id of a loan device. condition: left out, the one it is known to be in.

    due_on: a day of the shop's calendar; left out, in 14 days.
    """

    device = Whole(1, required=True)
    condition = Text(500)
    note = Text(1000, at_least=0, load_default="")
    due_on = fields.Date()


class LoanReturn(Strict):
    condition = Text(500, required=True)
    note = Text(1000, at_least=0, load_default="")


class LoanWaiver(Strict):
    reason = Text(500, required=True)


class Loan(Schema):
    """Open while `returned_at` is null. waived_at: the repair may be handed over all the same."""

    id = fields.Integer()
    repair = fields.String()
    device = fields.Nested(LoanDevice)
    due_on = fields.Date()
    is_overdue = fields.Boolean()
    condition_out = fields.String()
    note_out = fields.String()
    lent_at = Moment()
    lent_by = fields.String()
    condition_back = fields.String()
    note_back = fields.String()
    returned_at = Moment(allow_none=True)
    returned_by = fields.String(allow_none=True)
    waived_at = Moment(allow_none=True)
    waived_by = fields.String(allow_none=True)
    waiver_reason = fields.String(allow_none=True)


@blp.route("/loan-devices", methods=["GET"])
@allow("loans.read")
@blp.arguments(LoanDeviceQuery, location="query")
@blp.response(200, list_of(LoanDevice))
def list_loan_devices(query):
    """Devices for lending, oldest first"""
    with here().units() as uow:
        return paged(query, partial(queries.devices, uow, is_active=query.get("is_active")))


@blp.route("/loan-devices", methods=["POST"])
@allow("loan_devices.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(LoanDeviceFields)
@blp.response(201, LoanDevice)
def add_loan_device(body):
    """Add a device for lending"""
    return create(LoanDevice, lambda uow: service.add_device(uow, body))


@blp.route(f"/loan-devices/{DEVICE}", methods=["GET"])
@allow("loans.read")
@blp.response(200, LoanDevice)
def show_loan_device(loan_device_id):
    """One device for lending"""
    with here().units() as uow:
        return queries.device(uow, loan_device_id)


@blp.route(f"/loan-devices/{DEVICE}", methods=["PATCH"])
@allow("loan_devices.manage")
@blp.arguments(LoanDeviceChange)
@blp.response(200, LoanDevice)
def change_loan_device(body, loan_device_id):
    """Change a device for lending"""
    if not body:
        raise Invalid("nothing to change")
    with here().units() as uow:
        return service.change_device(uow, loan_device_id, body)


@blp.route(f"/loan-devices/{DEVICE}", methods=["DELETE"])
@allow("loan_devices.manage")
@blp.response(204)
def remove_loan_device(loan_device_id):
    """Remove a device that was never lent"""
    with here().units() as uow:
        service.remove_device(uow, loan_device_id)


@blp.route("/loans", methods=["GET"])
@allow("loans.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Loan))
def list_loans(query):
    """What is out, the longest overdue first"""
    with here().units() as uow:
        return paged(query, partial(queries.out, uow), partial(_shown, uow))


@blp.route(f"/repairs/{REF}/loans", methods=["GET"])
@allow("loans.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Loan))
def list_repair_loans(query, ref):
    """What was lent for a repair, oldest first"""
    with here().units() as uow:
        repair = repairs.by_ref(uow, ref)
        return paged(query, partial(queries.of_repair, uow, repair.id), partial(_shown, uow))


@blp.route(f"/repairs/{REF}/loans", methods=["POST"])
@allow("loans.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(LoanRequest)
@blp.response(201, Loan)
def lend_device(body, ref):
    """Lend a device to the owner of a repair; it then holds up the hand-over"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        repair = repairs.by_ref(uow, ref)
        new = NewLoan(body["device"], _due_on(uow, body.get("due_on")),
                      body.get("condition"), body["note"])  # fmt: skip
        return _shown(uow, service.lend(uow, repair.id, new, principal().actor))

    return create(Loan, work)


@blp.route(f"/loans/{LOAN}/return", methods=["POST"])
@allow("loans.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(LoanReturn)
@blp.response(200, Loan)
def return_loan(body, loan_id):
    """Take a lent device back"""
    return create(
        Loan,
        lambda uow: _shown(uow, service.take_back(uow, loan_id, principal().actor, **body)),
        status=200,
    )


@blp.route(f"/loans/{LOAN}/waive", methods=["POST"])
@allow("loans.waive")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(LoanWaiver)
@blp.response(200, Loan)
def waive_loan(body, loan_id):
    """Let the repair be handed over although the lent device is out, with a reason; audited"""
    return create(
        Loan,
        lambda uow: _shown(uow, service.waive(uow, loan_id, principal().actor, body["reason"])),
        status=200,
    )


def _today(uow: UnitOfWork) -> date:
    return uow.now.astimezone(here().shop.timezone).date()


def _due_on(uow: UnitOfWork, wished: date | None) -> date:
    today = _today(uow)
    due_on = wished or today + timedelta(days=USUAL_DAYS)
    if not today <= due_on <= today + timedelta(days=MOST_DAYS):
        raise Invalid("no such due day", errors={"due_on": ["From today to a year ahead."]})
    return due_on


def _shown(uow: UnitOfWork, loan: LoanRow) -> dict[str, Any]:
    """A loan as `Loan` dumps it."""
    told = {column.key: getattr(loan, column.key) for column in LoanRow.__table__.columns}
    return told | {
        "repair": uow.session.get_one(Repair, loan.repair_id).ref,
        "device": queries.device(uow, loan.device_id),
        "is_overdue": loan.returned_at is None and loan.due_on < _today(uow),
    }
