"""Numbers of documents: `INV-2026-000001`, counted by company, kind and year, without gaps."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from crm.core.uow import UnitOfWork
from crm.invoices.company import PREFIXES, Facts
from crm.invoices.models import COMPANY, INVOICE, InvoiceSeries


def draw(uow: UnitOfWork, facts: Facts, kind: str, year: int) -> str:
    """The next number. Others wait for it until this transaction ends, so call it last.

    What is rolled back gives its number back, because the count is rolled back with it.
    """
    counted = (
        insert(InvoiceSeries)
        .values(company=COMPANY, kind=kind, year=year, last=1)
        .on_conflict_do_update(
            index_elements=["company", "kind", "year"], set_={"last": InvoiceSeries.last + 1}
        )
        .returning(InvoiceSeries.last)
    )
    last = uow.session.execute(counted).scalar_one()
    prefix = facts.prefix if kind == INVOICE else PREFIXES[kind]
    return f"{prefix}-{year}-{last:06}"
