"""News of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class InvoiceIssued(Event):
    kind: ClassVar[str] = "invoice.issued"
    subject_kind: ClassVar[str] = "invoice"
    repair_id: int | None
    customer_id: int | None
    total_minor: int
    currency: str


@dataclass(frozen=True)
class CreditNoteIssued(Event):
    """invoice_id: the corrected one."""

    kind: ClassVar[str] = "credit_note.issued"
    subject_kind: ClassVar[str] = "invoice"
    invoice_id: int
    repair_id: int | None
    customer_id: int | None
    total_minor: int
    currency: str
