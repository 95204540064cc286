"""What loans cause: lines in the history of the repair they belong to, and so notes to agents."""

from __future__ import annotations

from crm.core.uow import Reactions, UnitOfWork
from crm.loans.events import DeviceLent, DeviceReturned, LoanEvent, LoanWaived
from crm.loans.models import Loan, LoanDevice
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address

_OUTCOMES = {
    DeviceLent: "loan_opened",
    DeviceReturned: "loan_returned",
    LoanWaived: "loan_waived",
}


def note_loan(uow: UnitOfWork, event: LoanEvent) -> None:
    loan = uow.session.get_one(Loan, event.loan_id)
    device = uow.session.get_one(LoanDevice, loan.device_id)
    repair = uow.session.get_one(Repair, event.subject_id)
    words = {
        DeviceLent: (f"due back on {loan.due_on.isoformat()}", loan.condition_out, loan.note_out),
        DeviceReturned: (loan.condition_back, loan.note_back),
        LoanWaived: (loan.waiver_reason,),
    }[type(event)]
    repairs.note(
        uow,
        Address(ref=repair.ref),
        event.actor,
        outcome=_OUTCOMES[type(event)],
        internal_note="; ".join(word for word in (device.name, *words) if word),
        details={"loan": loan.id},
    )


def table() -> Reactions:
    return {kind: (note_loan,) for kind in _OUTCOMES}
