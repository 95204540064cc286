"""Quotes: made by staff, approved or declined by the customer, or by staff in the customer's name.

Sums are worked out here; a request holds prices of single lines only.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.quote_schemas import (
    Quote,
    QuoteApproval,
    QuoteContent,
    QuoteQuery,
    QuoteRefusal,
    QuoteRequest,
)
from bridge.auth import allow, principal
from bridge.context import here
from crm.catalog import estimates
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.quotes import drafting, queries, rules, service
from crm.quotes.drafting import Priced
from crm.quotes.models import Quote as QuoteRow
from crm.quotes.models import QuoteVersion
from crm.quotes.rules import Content, Option, QuoteState
from crm.quotes.service import Choice, NewQuote, Who
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blp = Blueprint("quotes", __name__, url_prefix="/api/v1", description="Quotes")

REF = "<string(maxlength=40):ref>"


@blp.route("/quotes", methods=["GET"])
@allow("quotes.read")
@blp.arguments(QuoteQuery, location="query")
@blp.response(200, list_of(Quote))
def list_quotes(query):
    """List quotes, newest first"""
    with here().units() as uow:
        repair = repairs.by_ref(uow, query["repair"]) if "repair" in query else None
        return _page(uow, query, repair, query.get("state"))


@blp.route("/quotes", methods=["POST"])
@allow("quotes.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(QuoteRequest)
@blp.response(201, Quote)
def create_quote(body):
    """Draft a quote for a repair; the customer sees it once it is sent"""
    return create(Quote, lambda uow: _made(uow, body.pop("repair"), body))


@blp.route(f"/repairs/{REF}/quotes", methods=["GET"])
@allow("quotes.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Quote))
def list_repair_quotes(query, ref):
    """Quotes of a repair, newest first"""
    with here().units() as uow:
        return _page(uow, query, repairs.by_ref(uow, ref), None)


@blp.route(f"/repairs/{REF}/quotes", methods=["POST"])
@allow("quotes.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(QuoteContent)
@blp.response(201, Quote)
def create_repair_quote(body, ref):
    """Draft a quote for this repair"""
    return create(Quote, lambda uow: _made(uow, ref, body))


@blp.route(f"/quotes/{REF}", methods=["GET"])
@allow("quotes.read")
@blp.response(200, Quote)
def show_quote(ref):
    """One quote in its present version"""
    with here().units() as uow:
        return _shown(uow, queries.by_ref(uow, ref))


@blp.route(f"/quotes/{REF}", methods=["PUT"])
@allow("quotes.write")
@blp.arguments(QuoteContent)
@blp.response(200, Quote)
def change_quote(body, ref):
    """Write a new version; one that was sent is a draft again until it is sent"""
    with here().units() as uow:
        quote = queries.by_ref(uow, ref)
        changed = service.change(uow, quote.id, _content(uow, body), principal().actor)
        return _shown(uow, changed)


@blp.route(f"/quotes/{REF}/send", methods=["POST"])
@allow("quotes.send")
@blp.response(200, Quote)
def send_quote(ref):
    """Let the customer see it; another open quote of the repair is replaced"""
    with here().units() as uow:
        quote = queries.by_ref(uow, ref)
        return _shown(uow, service.send(uow, quote.id, principal().actor))


@blp.route(f"/quotes/{REF}/approve", methods=["POST"])
@allow("quotes.send")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(QuoteApproval)
@blp.response(200, Quote)
def approve_quote(body, ref):
    """Approve in the customer's name, with the words they said"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        quote = queries.by_ref(uow, ref)
        version = uow.session.get(QuoteVersion, (quote.id, body["version"]))
        optional = frozenset(body["optional"]) if "optional" in body else None
        digest = version.digest if version else ""
        choice = Choice(body["version"], digest, body["option"], optional)
        service.approve(uow, quote.id, choice, Who(principal().actor, "staff", body["words"]))
        return _shown(uow, quote)

    return create(Quote, work, status=200)


@blp.route(f"/quotes/{REF}/decline", methods=["POST"])
@allow("quotes.send")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(QuoteRefusal)
@blp.response(200, Quote)
def decline_quote(body, ref):
    """Decline in the customer's name"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        quote = queries.by_ref(uow, ref)
        who = Who(principal().actor, "staff")
        service.decline(uow, quote.id, body["version"], body["reason"], who)
        return _shown(uow, quote)

    return create(Quote, work, status=200)


@blp.route(f"/quotes/{REF}/withdraw", methods=["POST"])
@allow("quotes.send")
@blp.response(200, Quote)
def withdraw_quote(ref):
    """Take a quote back that nobody has answered"""
    with here().units() as uow:
        quote = queries.by_ref(uow, ref)
        return _shown(uow, service.withdraw(uow, quote.id, principal().actor))


def _made(uow: UnitOfWork, ref: str, body: dict[str, Any]) -> dict[str, Any]:
    repair = repairs.by_ref(uow, ref)
    new = NewQuote(repair.id, repair.customer_id, repair.currency, _content(uow, body))
    return _shown(uow, service.make(uow, new, principal().actor))


def _content(uow: UnitOfWork, body: dict[str, Any]) -> Content:
    return Content(
        options=tuple(_option(uow, one) for one in body["options"]),
        title=body["title"],
        note=body["note"],
        deposit_minor=body["deposit_minor"],
        overrun_bp=body["overrun_percent"] * 100,
    )


def _option(uow: UnitOfWork, told: dict[str, Any]) -> Option:
    if ("lines" in told) == ("estimate" in told):
        raise Invalid("lines or estimate", errors={"options": ["Give lines or an estimate."]})
    if "estimate" in told:
        found = drafting.of_estimate(uow, here().shop, estimates.by_ref(uow, told["estimate"]))
        return replace(found, name=told["name"], note=told["note"])
    lines = [
        Priced(**{name: value for name, value in line.items() if name != "optional"},
               is_optional=line["optional"])
        for line in told["lines"]
    ]  # fmt: skip
    return drafting.option(uow, here().shop, lines, name=told["name"], note=told["note"])


def _page(
    uow: UnitOfWork, query: dict[str, Any], repair: Repair | None, state: str | None
) -> dict[str, Any]:
    read = partial(queries.listed, uow, repair_id=repair.id if repair else None, state=state)
    return paged(query, read, partial(_shown, uow))


def _shown(uow: UnitOfWork, quote: QuoteRow) -> dict[str, Any]:
    """A quote as `Quote` dumps it."""
    version = service.present(uow, quote)
    content = rules.read(version.content)
    told = {column.key: getattr(quote, column.key) for column in QuoteRow.__table__.columns}
    # Whoever has the link decides as the customer.
    has_link = quote.state != QuoteState.DRAFT and principal().may("quotes.send")
    return told | {
        "repair": uow.session.get_one(Repair, quote.repair_id).ref,
        "digest": version.digest,
        "title": content.title,
        "note": content.note,
        "deposit_minor": content.deposit_minor,
        "overrun_percent": content.overrun_bp // 100,
        "options": [_shown_option(one) for one in content.options],
        "url": here().shop.links.quote(quote.id, quote.shown_at) if has_link else None,
        "decision": queries.decision(uow, quote.id),
    }


def _shown_option(option: Option) -> dict[str, Any]:
    sums = rules.totals(option.chosen(option.everything()))
    lines = [
        {"gross_minor": item.line.gross_minor, "is_optional": item.is_optional}
        | {name: getattr(item.line, name) for name in item.line.__dataclass_fields__}
        for item in option.items
    ]
    return {
        "name": option.name,
        "note": option.note,
        "lines": lines,
        "total_minor": sums.gross_minor,
        "lowest_minor": option.lowest_minor(),
        "tax_minor": sums.tax_minor,
    }
