"""What money is for: a repair, or an invoice; locked, with what a payment needs to know of it.

Both tables are other subjects'; the repair's tier is not below this one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from crm.core.errors import Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.payments import ledger
from crm.payments.rules import Scope

_REPAIR = text("SELECT customer_id, currency FROM repairs WHERE id = :id")
_INVOICE = text(
    "SELECT repair_id, customer_id, currency FROM invoices WHERE id = :id AND kind = 'invoice'"
)


@dataclass(frozen=True)
class Subject:
    """currency: of what was booked for it so far, else the repair's or the invoice's own."""

    scope: Scope
    invoice_id: int | None
    currency: str


def locked(
    uow: UnitOfWork,
    repair_id: int | None,
    invoice_id: int | None,
    customer_id: int | None = None,
) -> Subject:
    """An invoice of a repair is the repair's business. Raises NotFound, Invalid (by field)."""
    if repair_id is None and invoice_id is None:
        needed = ["Say which repair or invoice it is for."]
        raise Invalid("what is it for", errors={"repair": needed})
    currency = None
    if invoice_id is not None:
        invoice = uow.session.execute(_INVOICE, {"id": invoice_id}).first()
        if invoice is None:
            raise NotFound("no such invoice")
        if repair_id not in (None, invoice.repair_id):
            wrong = ["This invoice belongs to another repair."]
            raise Invalid("which of them is it for", errors={"invoice": wrong})
        repair_id, currency = invoice.repair_id, invoice.currency
        customer_id = customer_id or invoice.customer_id
    ledger.lock(uow, Scope.of(repair_id, invoice_id))
    if repair_id is not None:
        repair = uow.session.execute(_REPAIR, {"id": repair_id}).one()
        currency = currency or repair.currency
        customer_id = customer_id or repair.customer_id
    scope = Scope.of(repair_id, invoice_id, customer_id)
    for booked in ledger.currencies(uow, scope):
        currency = booked
    return Subject(scope, invoice_id, currency or "")
