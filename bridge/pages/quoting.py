"""`/quote/<token>`: what a repair will cost, to approve, to decline, or to ask about.

The link is the proof of who may decide. Every amount is worked out here; a form says only which
lines are wanted, and of which version. Nobody approves a total they have not been shown. The page
names no person.
"""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import QUOTING, limiter
from bridge.pages import quote_offers
from bridge.pages.answers import answer, money, onward
from crm import dues, writing
from crm.core import clock
from crm.core.errors import Conflict, Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.invoices import company
from crm.quotes import queries, rules, service
from crm.quotes.models import Quote
from crm.quotes.rules import QuoteState
from crm.quotes.service import Choice, Who
from crm.repairs.models import Repair

blueprint = Blueprint("quoting", __name__)

AUTHOR = Actor("customer", "Quote page")
MOST_SIGNS = 2000
CLOSED: dict[str, LazyString] = {
    QuoteState.REPLACED: _("A newer quote has taken its place. Please use the newest link."),
    QuoteState.EXPIRED: _("Its prices no longer hold. Ask us, and you get a new one."),
    QuoteState.WITHDRAWN: _("We have taken it back. Ask us if you have questions."),
    QuoteState.DRAFT: _("We are changing it. You get a message when it is ready."),
}
WORDS: dict[str, LazyString] = {
    "quote-changed": _("The quote has changed since you opened it. Please read it again."),
    "quote-decided": _("This quote was decided before; nothing was changed."),
    "total-unseen": _("The total has changed with what you ticked. Please look, then approve."),
    "invalid": _("That choice is not part of the quote. Please choose again."),
    "empty": _("Write something first, please."),
    "too-long": _("That is too long. Please shorten it."),
    "limited": _("That was many times within an hour. Please wait a little."),
}


@blueprint.get("/quote/<token>")
def quote_page(token: str) -> Response:
    return _page(token)


@blueprint.post("/quote/<token>")
@limiter.limit(
    QUOTING,
    key_func=lambda: _counted_as(request.view_args or {}),
    exempt_when=lambda: request.form.get("do") == "total",
    on_breach=lambda _limit: _page((request.view_args or {})["token"], "limited", 429),
)
def decide(token: str) -> Response | Redirect:
    """do: `total` (only add up), `approve`, `decline` or `ask`. Sent twice it happens once."""
    refuse_foreign_form()
    quote_id = here().shop.links.read_quote(token, clock.now())
    if quote_id is None:
        return _nothing()
    action = request.form.get("do", "")
    if action == "total":
        return _page(token)
    text = _typed()
    if len(text) > MOST_SIGNS:
        return _page(token, "too-long", 422)
    if action == "ask" and not text:
        return _page(token, "empty", 422)
    try:
        with here().units() as uow:
            quote = uow.session.get(Quote, quote_id)
            if quote is None or quote.sent_at is None:
                return _nothing()
            if action == "approve":
                _approve(uow, quote)
            elif action == "decline":
                service.decline(uow, quote.id, _number("version"), text, _who(""))
            elif action == "ask":
                form = request.form.get("form", "")[:64]
                writing.write(uow, here().seal, quote.repair_id, text, form=form)
            else:
                raise Invalid("no such action")
    except (Invalid, Conflict) as error:
        return _page(token, error.code, error.status)
    asked = {"asked": 1, "_anchor": "ask"} if action == "ask" else {}
    return onward(".quote_page", token=token, **asked)


def _approve(uow: UnitOfWork, quote: Quote) -> None:
    """Raises Invalid, Conflict (as `service.approve`; `total-unseen`)."""
    number, ticked = _number("option"), _ticked()
    choice = Choice(_number("version"), request.form.get("digest", ""), number, ticked)
    version = service.present(uow, quote)
    words = ""
    if choice.digest == version.digest:
        if request.form.get("shown", quote_offers.places(ticked)) != quote_offers.places(ticked):
            raise Conflict("another total was shown", code="total-unseen")
        content = rules.read(version.content)
        if 0 <= number < len(content.options):
            words = quote_offers.offer(quote, content, number, ticked).words
    service.approve(uow, quote.id, choice, _who(words))


def _who(words: str) -> Who:
    return Who(
        AUTHOR,
        "page",
        words,
        ip_address=request.remote_addr,
        user_agent=request.headers.get("User-Agent", "")[:400],
    )


def _typed() -> str:
    return request.form.get("text", "").replace("\r\n", "\n").replace("\0", "").strip()


def _number(name: str) -> int:
    """-1 for what is no number: no version and no option has it."""
    given = request.form.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else -1


def _ticked() -> frozenset[int]:
    given = request.form.getlist("optional")[: rules.MOST_LINES]
    return frozenset(
        int(one) if one.isascii() and one.isdigit() and len(one) < 4 else -1 for one in given
    )


def _counted_as(view_args: dict[str, str]) -> str:
    quote_id = here().shop.links.read_quote(view_args["token"], clock.now())
    return get_remote_address() if quote_id is None else f"quote:{quote_id}"


def _page(token: str, problem: str | None = None, status: int = 200) -> Response:
    quote_id = here().shop.links.read_quote(token, clock.now())
    if quote_id is None:
        return _nothing()
    with here().units() as uow:
        quote = uow.session.get(Quote, quote_id)
        if quote is None or quote.sent_at is None:
            return _nothing()
        repair = uow.session.get_one(Repair, quote.repair_id)
        languages.speak_to(uow, repair.customer_id)
        state = quote.state
        if state == QuoteState.SENT and quote.expires_at and quote.expires_at <= uow.now:
            state = QuoteState.EXPIRED
        asking = {
            "action": request.form.get("do", ""),
            "typed": _typed()[: 2 * MOST_SIGNS],
            "form": request.form.get("form", "")[:64] or secrets.token_hex(16),
            "was_asked": request.args.get("asked") == "1",
            "problem": WORDS.get(problem, WORDS["invalid"]) if problem else None,
            "most_signs": MOST_SIGNS,
        }
        if state in CLOSED:
            why = CLOSED[state]
            return answer("pages/quote_closed.html", 410, is_private=True, why=why, **asking)
        version = service.present(uow, quote)
        content = rules.read(version.content)
        decision = queries.decision(uow, quote.id)
        # Places mean other lines in another version: then nothing is carried over.
        chosen = _number("option") if request.form.get("digest") == version.digest else -1
        return answer(
            "pages/quote.html",
            status,
            is_private=True,
            quote=quote,
            state=str(state),
            digest=version.digest,
            content=content,
            device=repair.device,
            offers=[
                quote_offers.offer(quote, content, number, _ticked() if number == chosen else ())
                for number in range(len(content.options))
            ],
            decision=decision,
            approved=quote_offers.approved(quote, content, decision) if decision else None,
            deposit=money(content.deposit_minor, quote.currency) if content.deposit_minor else None,
            # As the invoice will: without facts of the company nothing is said of tax.
            shows_tax=company.seller(uow, here().shop).vat == company.REGISTERED,
            overrun=content.overrun_bp // 100,
            zone=here().shop.timezone,
            pay=_deposit_due(uow, quote) if state == QuoteState.APPROVED else None,
            **asking,
        )


def _deposit_due(uow: UnitOfWork, quote: Quote) -> dict[str, str] | None:
    """Where to pay what is still missing of the deposit this very quote asks for."""
    due = dues.due(uow, quote.repair_id, "deposit")
    if not due.amount_minor or due.quote_id != quote.id:
        return None
    repair = uow.session.get_one(Repair, quote.repair_id)
    url = here().shop.links.pay(repair.id, repair.received_at)
    return {"amount": money(due.amount_minor, due.currency), "url": url}


def _nothing() -> Response:
    return answer("pages/no_signing.html", 404, is_private=True)
