"""The PDF of a document: drawn at first need, stored, and from then on these very bytes."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm.core.uow import UnitOfWork
from crm.invoices.models import Invoice, InvoiceFile


def of(uow: UnitOfWork, invoice: Invoice) -> bytes:
    stored = select(InvoiceFile.pdf).where(InvoiceFile.invoice_id == invoice.id)
    found = uow.session.scalar(stored)
    if found is not None:
        return found
    from crm.invoices.paper import render  # noqa: PLC0415 - its library is large, and few ask for it

    drawn = render(invoice.content)
    row = {
        "invoice_id": invoice.id,
        "pdf": drawn,
        "sha256": hashlib.sha256(drawn).hexdigest(),
    }
    uow.session.execute(insert(InvoiceFile).values(row).on_conflict_do_nothing())
    # Somebody else may have been first.
    return uow.session.execute(stored).scalar_one()
