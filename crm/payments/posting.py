"""What documents mean to the ledger: an invoice is owed, a credit note is owed no more or held.

Posting is keyed by the document, so that whoever needs it at once may post before the reaction does.
"""

from __future__ import annotations

from crm.core.uow import Reactions, UnitOfWork
from crm.invoices.events import CreditNoteIssued, InvoiceIssued
from crm.invoices.models import Invoice
from crm.payments import ledger, refund_news, rules
from crm.payments.rules import Scope


def post_invoice(uow: UnitOfWork, invoice: Invoice) -> None:
    """An invoice over nothing posts nothing."""
    legs = rules.invoiced(_scope(invoice), invoice.id, invoice.total_minor, invoice.tax_minor)
    if legs:
        ledger.post(uow, f"invoice:{invoice.id}", invoice.currency, legs)


def post_credit_note(uow: UnitOfWork, note: Invoice) -> None:
    """What is not owed any more on the corrected invoice is held for the customer."""
    corrected = uow.session.get_one(Invoice, note.corrects_id)
    scope = _scope(corrected)
    ledger.lock(uow, scope)
    open_minor = ledger.receivable(uow, corrected.id)
    legs = rules.credited(scope, corrected.id, note.total_minor, note.tax_minor, open_minor)
    if legs:
        ledger.post(uow, f"credit_note:{note.id}", note.currency, legs)


def _scope(invoice: Invoice) -> Scope:
    return Scope.of(invoice.repair_id, invoice.id, invoice.customer_id)


def _apply(uow: UnitOfWork, invoice: Invoice) -> None:
    scope = _scope(invoice)
    ledger.apply_held(uow, scope.repair_id, invoice_id=scope.invoice_id)


def _on_invoice(uow: UnitOfWork, event: InvoiceIssued) -> None:
    invoice = uow.session.get_one(Invoice, event.subject_id)
    post_invoice(uow, invoice)
    _apply(uow, invoice)


def _on_credit_note(uow: UnitOfWork, event: CreditNoteIssued) -> None:
    note = uow.session.get_one(Invoice, event.subject_id)
    post_credit_note(uow, note)
    corrected = uow.session.get_one(Invoice, note.corrects_id)
    refund_news.cover(uow, _scope(corrected))
    _apply(uow, corrected)


def table() -> Reactions:
    return {InvoiceIssued: (_on_invoice,), CreditNoteIssued: (_on_credit_note,)}
