"""`/invoices/<token>.pdf`: an invoice, credit note or receipt for whoever holds its link."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bridge import papers
from bridge.context import here
from bridge.pages import answers
from crm.core import clock
from crm.invoices import pdf
from crm.invoices.models import Invoice

blueprint = Blueprint("invoice_pages", __name__)


@blueprint.get("/invoices/<token>.pdf")
def download(token: str) -> Response:
    """With `?download` browsers save it instead of showing it."""
    invoice_id = here().shop.links.read_invoice(token, clock.now())
    with here().units() as uow:
        invoice = uow.session.get(Invoice, invoice_id) if invoice_id is not None else None
        if invoice is None:
            return answers.answer("pages/no_file.html", 404, is_private=True, has_expired=False)
        response = papers.given(
            pdf.of(uow, invoice), invoice.number, is_saved="download" in request.args
        )
    response.headers["X-Robots-Tag"] = "noindex"
    return response
