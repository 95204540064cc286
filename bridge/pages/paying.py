"""`/pay/<token>`: one repair's money: what is due, what was paid, its documents, and paying by card.

The link is the proof of who may look; it names no person. The amount is worked out here, never sent
by the browser. Coming back from the hosted page proves nothing: the page asks what we know and looks
again until the provider's own word has come (reliability.md, rules 9 and 38).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import Blueprint, Response, redirect, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as Redirect

from bridge import checkouts, languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.headers import POLICY
from bridge.limits import PAYING, limiter
from bridge.pages.answers import answer, money
from crm import dues
from crm.core import clock
from crm.core.errors import Conflict, NotFound, Outward, Permanent
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.dues import Due
from crm.invoices import company
from crm.invoices import queries as invoices
from crm.invoices.models import CREDIT_NOTE, INVOICE, RECEIPT, Invoice
from crm.payments import queries as payments
from crm.payments import refunds, rules
from crm.payments.models import Attempt
from crm.payments.provider import PaymentsOff
from crm.repairs.models import Repair

log = structlog.get_logger(__name__)
blueprint = Blueprint("paying", __name__)

AUTHOR = Actor("customer", "Payment page")
WORDS: dict[str, LazyString] = {
    "nothing-due": _("There is nothing to pay any more."),
    "payment-processing": _("A payment of yours is being processed. Please wait for it."),
    "attempt-over": _("That took too long. Please try again; nothing was charged."),
    "payments-off": _("Cards are not taken here at the moment."),
    "refused": _("The card service does not take this payment. Please pay at our counter."),
    "provider": _("The card service does not answer. Nothing was charged; please try again soon."),
}
KINDS: dict[str, LazyString] = {
    INVOICE: _("Invoice"),
    CREDIT_NOTE: _("Credit note"),
    RECEIPT: _("Receipt"),
}
METHODS: dict[str, LazyString] = {
    "card": _("Card"),
    "cash": _("Cash"),
    "transfer": _("Bank transfer"),
    "other": _("Other"),
}
# What became of the attempt the customer comes back from.
CHECKING, PAID, NOT_PAID = "checking", "paid", "not-paid"
CANCELLED, LOOKED_INTO = "cancelled", "looked-into"


@dataclass(frozen=True)
class Document:
    kind: LazyString
    number: str
    amount: str
    url: str


@dataclass(frozen=True)
class Paid:
    method: LazyString
    amount: str
    at: datetime
    is_disputed: bool


@blueprint.get("/pay/<token>")
def pay_page(token: str) -> Response:
    return _page(token)


@blueprint.post("/pay/<token>")
@limiter.limit(PAYING, key_func=lambda: _counted_as(request.view_args or {}))
def pay(token: str) -> Response | Redirect:
    """On to the hosted page; pressed twice it is the same one."""
    refuse_foreign_form()
    repair_id = here().shop.links.read_pay(token, clock.now())
    if repair_id is None:
        return _nothing()
    try:
        with here().units() as uow:
            repair = uow.session.get(Repair, repair_id)
            if repair is None:
                return _nothing()
            purpose = _due(uow, repair.id).purpose
            ref = checkouts.start(uow, repair, purpose, AUTHOR).ref
        url = checkouts.open_page(ref).url
    except (Conflict, PaymentsOff) as error:
        return _page(token, WORDS.get(error.code, WORDS["provider"]), error.status)
    except Permanent as error:
        log.warning("the card service refused a payment", code=error.code)
        return _page(token, WORDS["refused"], 502)
    except Outward as error:
        log.warning("the card service does not answer", code=error.code)
        return _page(token, WORDS["provider"], 503)
    return redirect(url or "", 303)


def _counted_as(view_args: dict[str, str]) -> str:
    repair_id = here().shop.links.read_pay(view_args["token"], clock.now())
    return get_remote_address() if repair_id is None else f"pay:{repair_id}"


def _due(uow: UnitOfWork, repair_id: int) -> Due:
    """The deposit while one is missing, else what is owed."""
    deposit = dues.due(uow, repair_id, "deposit")
    return deposit if deposit.amount_minor else dues.due(uow, repair_id, "balance")


def _page(token: str, problem: LazyString | None = None, status: int = 200) -> Response:
    repair_id = here().shop.links.read_pay(token, clock.now())
    with here().units() as uow:
        repair = uow.session.get(Repair, repair_id) if repair_id is not None else None
        if repair is None:
            return _nothing()
        languages.speak_to(uow, repair.customer_id)
        due = _due(uow, repair.id)
        standing = payments.standing(uow, repair.id)
        outcome = _outcome(uow, repair)
        facts = company.seller(uow, here().shop).facts
        page = answer(
            "pages/pay.html",
            status,
            is_private=True,
            repair=repair,
            purpose=due.purpose,
            due=money(due.amount_minor, due.currency) if due.amount_minor else None,
            is_settled=standing.invoiced_minor > 0,
            held=money(standing.held_minor, standing.currency) if standing.held_minor else None,
            paid=[
                Paid(METHODS[one.method], money(one.amount_minor, one.currency), one.received_at,
                     one.state == "disputed")
                for one in payments.of_repair(uow, repair.id)
            ],
            given_back=[
                Paid(METHODS[method], money(refund.amount_minor, refund.currency),
                     refund.settled_at or refund.created_at, False)
                for refund, method in refunds.done_of_repair(uow, repair.id)
            ],
            documents=[_document(one) for one in invoices.documents(uow, repair.id)],
            takes_cards=here().payments is not None,
            bank=facts.bank,
            outcome=outcome,
            problem=problem,
            zone=here().shop.timezone,
            track=here().shop.links.track(repair.id, repair.received_at),
        )  # fmt: skip
    # Browsers hold a form to its policy on redirects too, and this one leads to the provider.
    elsewhere = "https:" if here().is_https else "https: http:"
    allowed = POLICY.replace("form-action 'self'", f"form-action 'self' {elsewhere}")
    page.headers["Content-Security-Policy"] = allowed
    return page


def _document(invoice: Invoice) -> Document:
    return Document(
        KINDS[invoice.kind],
        invoice.number,
        money(invoice.total_minor, invoice.currency),
        here().shop.links.invoice(invoice.id, invoice.issued_at),
    )


def _outcome(uow: UnitOfWork, repair: Repair) -> str | None:
    """Of the attempt named by `?back=` or `?cancelled=`, if it is one of this repair.

    What is known of it counts for more than the way back: it may be paid in another tab. One that a
    person looks into is told of whatever the link.
    """
    latest = payments.latest_attempt(uow, repair.id)
    if latest is not None and latest.state == "mismatched":
        return LOOKED_INTO
    is_cancelled = "cancelled" in request.args
    named = request.args.get("cancelled" if is_cancelled else "back", "")
    try:
        attempt: Attempt = payments.attempt_by_ref(uow, named[:40])
    except NotFound:
        return None
    if attempt.repair_id != repair.id:
        return None
    if attempt.state == "paid":
        return PAID
    if attempt.state == "mismatched":
        return LOOKED_INTO
    if attempt.state in rules.LIVE:
        return CANCELLED if is_cancelled else CHECKING
    return CHECKING if attempt.state == "processing" else NOT_PAID


def _nothing() -> Response:
    return answer("pages/no_repair.html", 404, is_private=True)
