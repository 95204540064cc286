"""Documents as `crm.invoices` leaves them, without drawing numbers or papers for them."""

from __future__ import annotations

import itertools

from crm.core.uow import UnitOfWork
from crm.invoices.events import CreditNoteIssued, InvoiceIssued
from crm.invoices.models import Invoice
from tests import builders

_numbers = itertools.count(1)
_PREFIXES = {"invoice": "INV", "credit_note": "CRN"}


def invoice(
    uow: UnitOfWork,
    total: int,
    tax: int = 0,
    *,
    repair_id: int | None = None,
    customer_id: int | None = None,
) -> Invoice:
    """An issued invoice; what it means to the ledger comes by its event."""
    made = _document(uow, "invoice", total, tax, repair_id, customer_id, None)
    uow.record(InvoiceIssued(made.id, builders.STAFF, repair_id, customer_id, total, made.currency))
    return made


def credit_note(uow: UnitOfWork, corrected: Invoice, total: int, tax: int = 0) -> Invoice:
    owner = (corrected.repair_id, corrected.customer_id)
    made = _document(uow, "credit_note", total, tax, *owner, corrected.id)
    uow.record(
        CreditNoteIssued(made.id, builders.STAFF, corrected.id, *owner, total, made.currency)
    )
    return made


def _document(uow, kind, total, tax, repair_id, customer_id, corrects_id) -> Invoice:
    made = Invoice(
        number=f"{_PREFIXES[kind]}-2026-{next(_numbers):06}",
        kind=kind,
        repair_id=repair_id,
        customer_id=customer_id,
        corrects_id=corrects_id,
        currency="GBP",
        locale="en",
        content={},
        total_minor=total,
        tax_minor=tax,
        digest="",
        issued_at=uow.now,
        issued_by="Rosa Lindgren",
    )
    uow.session.add(made)
    uow.session.flush()
    return made
