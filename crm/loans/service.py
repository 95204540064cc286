"""Commands on loan devices and loans. What the repair's history says of them is `crm/lending.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, text

from crm.core import audit
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.loans.events import DeviceLent, DeviceReturned, LoanWaived
from crm.loans.models import Loan, LoanDevice


@dataclass(frozen=True)
class NewLoan:
    """condition: None takes the one the device is known to be in. due_on: in the shop's zone."""

    device_id: int
    due_on: date
    condition: str | None = None
    note: str = ""


def add_device(uow: UnitOfWork, fields: Mapping[str, Any]) -> LoanDevice:
    device = LoanDevice(created_at=uow.now, **fields)
    uow.session.add(device)
    uow.session.flush()
    return device


def change_device(uow: UnitOfWork, device_id: int, fields: Mapping[str, Any]) -> LoanDevice:
    """Raises NotFound."""
    device = _device_for_update(uow, device_id)
    for name, value in fields.items():
        setattr(device, name, value)
    uow.session.flush()
    return device


def remove_device(uow: UnitOfWork, device_id: int) -> None:
    """Raises NotFound, Conflict (`loan-device-used`: its loans are kept, so it is kept)."""
    device = _device_for_update(uow, device_id)
    if uow.session.scalar(select(Loan.id).where(Loan.device_id == device_id).limit(1)):
        raise Conflict("it was lent before; make it inactive instead", code="loan-device-used")
    uow.session.delete(device)


def lend(uow: UnitOfWork, repair_id: int, new: NewLoan, actor: Actor) -> Loan:
    """Lend a device to the owner of a repair.

    Raises NotFound, Conflict (`loan-device-out`, `loan-device-inactive`).
    """
    _lock_repair(uow, repair_id)
    device = _device_for_update(uow, new.device_id)
    if not device.is_active:
        raise Conflict("this device is not for lending", code="loan-device-inactive")
    taken = select(Loan.id).where(Loan.device_id == device.id, Loan.returned_at.is_(None))
    if uow.session.scalar(taken) is not None:
        raise Conflict("this device is lent already", code="loan-device-out")
    loan = Loan(
        device_id=device.id,
        repair_id=repair_id,
        due_on=new.due_on,
        condition_out=device.condition if new.condition is None else new.condition,
        note_out=new.note,
        lent_at=uow.now,
        lent_by=actor.name,
    )
    uow.session.add(loan)
    uow.session.flush()
    uow.record(DeviceLent(repair_id, actor, loan.id))
    return loan


def take_back(
    uow: UnitOfWork, loan_id: int, actor: Actor, *, condition: str, note: str = ""
) -> Loan:
    """The device is here again, in this condition. Raises NotFound, Conflict (`loan-returned`)."""
    loan = _open_loan(uow, loan_id)
    loan.returned_at, loan.returned_by = uow.now, actor.name
    loan.condition_back, loan.note_back = condition, note
    _device_for_update(uow, loan.device_id).condition = condition
    uow.session.flush()
    uow.record(DeviceReturned(loan.repair_id, actor, loan.id))
    return loan


def waive(uow: UnitOfWork, loan_id: int, actor: Actor, reason: str) -> Loan:
    """Let the repair be handed over although the device is out; audited.

    Raises NotFound, Conflict (`loan-returned`, `loan-waived`).
    """
    loan = _open_loan(uow, loan_id)
    if loan.waived_at is not None:
        raise Conflict("this loan was waived already", code="loan-waived")
    loan.waived_at, loan.waived_by, loan.waiver_reason = uow.now, actor.name, reason
    audit.write(uow, actor, "loan.waive", f"loan/{loan.id}", {"reason": reason})
    uow.session.flush()
    uow.record(LoanWaived(loan.repair_id, actor, loan.id))
    return loan


def _open_loan(uow: UnitOfWork, loan_id: int) -> Loan:
    loan = uow.session.get(Loan, loan_id)
    if loan is None:
        raise NotFound("no such loan")
    _lock_repair(uow, loan.repair_id)
    uow.session.refresh(loan)
    if loan.returned_at is not None:
        raise Conflict("this device was returned already", code="loan-returned")
    return loan


def _device_for_update(uow: UnitOfWork, device_id: int) -> LoanDevice:
    device = uow.session.get(LoanDevice, device_id, with_for_update=True)
    if device is None:
        raise NotFound("no such loan device")
    return device


def _lock_repair(uow: UnitOfWork, repair_id: int) -> None:
    """The aggregate is the repair, which is a higher tier's."""
    query = text("SELECT id FROM repairs WHERE id = :id FOR UPDATE")
    if uow.session.execute(query, {"id": repair_id}).first() is None:
        raise NotFound("no such repair")
