"""A refund of lines: the credit note that comes before the money (`refunds.py`)."""

from __future__ import annotations

from crm.core.errors import Invalid, NotFound
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.invoices import service as invoices
from crm.invoices.models import Invoice
from crm.invoices.service import Credited
from crm.payments import posting
from crm.payments.rules import Scope


def check(uow: UnitOfWork, invoice_id: int, scope: Scope) -> None:
    """The invoice the payment was for. Raises NotFound, Invalid."""
    invoice = uow.session.get(Invoice, invoice_id)
    if invoice is None or invoice.kind != "invoice":
        raise NotFound("no such invoice")
    theirs = Scope.of(invoice.repair_id, invoice.id)
    if (theirs.repair_id, theirs.invoice_id) != (scope.repair_id, scope.invoice_id):
        wrong = ["This payment was for something else."]
        raise Invalid("another invoice", errors={"invoice": wrong})


def issue(
    uow: UnitOfWork, shop: Shop, invoice_id: int, lines: list[dict], reason: str, actor: Actor
) -> Invoice:
    """The credit note, booked: what it sets free is held when this returns. Raises as `credit`."""
    credited = [Credited(one["line"], one["amount_minor"]) for one in lines]
    note = invoices.credit(uow, shop, invoice_id, credited, reason, actor)
    uow.session.flush()
    posting.post_credit_note(uow, note)
    return note
