"""The gate before a device is handed over: what was lent for it comes back first.

Who reports facts (shop systems) does not pass it.
"""

from __future__ import annotations

from sqlalchemy import select

from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.loans.models import Loan, LoanDevice


def still_out(uow: UnitOfWork, repair_id: int) -> list[str]:
    """The names of devices lent for this repair, neither returned nor waived."""
    query = (
        select(LoanDevice.name)
        .join(Loan, Loan.device_id == LoanDevice.id)
        .where(Loan.repair_id == repair_id, Loan.returned_at.is_(None), Loan.waived_at.is_(None))
        .order_by(Loan.id)
    )
    return list(uow.session.scalars(query))


def need_returned(uow: UnitOfWork, repair_id: int) -> None:
    """Raises Conflict (`loan-open`) naming what is still out."""
    names = still_out(uow, repair_id)
    if names:
        raise Conflict(
            f"still lent to the customer: {', '.join(names)}. Take it back, or have a manager "
            "waive the loan with a reason",
            code="loan-open",
        )
