"""Issues documents. Once issued, a document is final: it is corrected by a credit note.

What a document means to the ledger is said by whoever reacts to its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from babel.numbers import UnknownCurrencyError, validate_currency
from sqlalchemy import text

from crm.core.errors import Invalid, NotFound
from crm.core.events import Actor
from crm.core.money import Line, Totals, totals
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.invoices import content, queries, series
from crm.invoices.company import Facts, Seller, seller
from crm.invoices.content import Buyer, Credited
from crm.invoices.events import CreditNoteIssued, InvoiceIssued
from crm.invoices.models import CREDIT_NOTE, INVOICE, RECEIPT, Invoice
from crm.invoices.wording import language

__all__ = ["Buyer", "Credited", "NewInvoice", "PaidFacts", "credit", "issue", "receipt"]

_REPAIR = text("SELECT id, ref, device, customer_id FROM repairs WHERE id = :id FOR UPDATE")


@dataclass(frozen=True)
class NewInvoice:
    """lines: gross. buyer: given when the customer wants it made out to them. Days: of the shop."""

    lines: tuple[Line, ...]
    currency: str
    locale: str
    repair_id: int | None = None
    customer_id: int | None = None
    buyer: Buyer | None = None
    supplied_on: date | None = None
    due_on: date | None = None
    note: str = ""


@dataclass(frozen=True)
class PaidFacts:
    """A payment as its receipt tells it. method: `card cash transfer other`."""

    payment_id: int
    ref: str
    amount_minor: int
    currency: str
    method: str
    repair_id: int | None
    customer_id: int | None
    at: datetime


@dataclass
class _Draft:
    """A document but for its number. content: see `content.py`."""

    kind: str
    by: Seller
    totals: Totals
    currency: str
    locale: str
    content: dict[str, Any]
    repair_id: int | None = None
    customer_id: int | None = None
    corrects_id: int | None = None
    payment_id: int | None = None
    supplied_on: date | None = None
    due_on: date | None = None


def issue(uow: UnitOfWork, shop: Shop, new: NewInvoice, actor: Actor) -> Invoice:
    """Raises NotFound, Invalid (`lines`, `currency`, `due_on`, `total_minor`)."""
    today = _today(uow, shop)
    _check(new, today)
    repair = _lock_repair(uow, new.repair_id)
    customer_id = new.customer_id or (repair.customer_id if repair else None)
    by, spoken = seller(uow, shop), language(new.locale)
    lines = content.charged(new.lines, by.vat)
    sums = totals(lines)
    told = {
        "form": content.form(by, new.currency, sums.gross_minor, is_asked=new.buyer is not None),
        "vat": by.vat,
        "buyer": _buyer(uow, new.buyer, customer_id),
        "repair": {"ref": repair.ref, "device": repair.device} if repair else None,
        "lines": [asdict(line) for line in lines],
        "notes": content.notes(by.facts.country, by.vat, spoken, lines, new.note),
    }
    invoice = _write(uow, shop, actor, _Draft(
        INVOICE, by, sums, new.currency, new.locale, told, new.repair_id, customer_id,
        supplied_on=new.supplied_on or today, due_on=new.due_on,
    ))  # fmt: skip
    uow.record(InvoiceIssued(
        invoice.id, actor, invoice.repair_id, invoice.customer_id, invoice.total_minor,
        invoice.currency,
    ))  # fmt: skip
    return invoice


def credit(
    uow: UnitOfWork,
    shop: Shop,
    invoice_id: int,
    credited: Sequence[Credited],
    reason: str,
    actor: Actor,
) -> Invoice:
    """A credit note over parts of an invoice's lines.

    Raises NotFound, Invalid (`lines`), Conflict (`over-credited`).
    """
    invoice = uow.session.get(Invoice, invoice_id)
    if invoice is None or invoice.kind != INVOICE:
        raise NotFound("no such invoice")
    # Repair, then invoice, then series: whoever books money takes them in this order too.
    _lock_repair(uow, invoice.repair_id)
    uow.session.refresh(invoice, with_for_update={"key_share": True})
    told, before = invoice.content, queries.credited(uow, invoice.id)
    lines = content.credited_lines(told, before, credited)
    sums = content.credited_totals(told, before, lines)
    by = seller(uow, shop)
    country, spoken = told["country"], language(invoice.locale)
    frozen = {name: told[name] for name in ("form", "vat", "buyer", "repair")} | {
        "lines": [asdict(line) for line in lines],
        "notes": content.notes(country, told["vat"], spoken, lines, ""),
        "corrects": {
            "number": invoice.number,
            "issued_on": told["issued_on"],
            "lines": [one.line for one in credited],
            "reason": reason,
        },
        # It speaks for whoever issued the invoice, as they were then.
        "seller": told["seller"],
        "country": country,
    }
    note = _write(uow, shop, actor, _Draft(
        CREDIT_NOTE, by, sums, invoice.currency, invoice.locale, frozen, invoice.repair_id,
        invoice.customer_id, corrects_id=invoice.id, supplied_on=invoice.supplied_on,
    ))  # fmt: skip
    uow.record(CreditNoteIssued(
        note.id, actor, invoice.id, note.repair_id, note.customer_id, note.total_minor,
        note.currency,
    ))  # fmt: skip
    return note


def receipt(uow: UnitOfWork, shop: Shop, payment: PaidFacts, locale: str, actor: Actor) -> Invoice:
    """The receipt of a payment; asked for again, the same one. Raises NotFound."""
    repair = _lock_repair(uow, payment.repair_id)
    if found := queries.of_payment(uow, payment.payment_id):
        return found
    by = seller(uow, shop)
    paid_on = payment.at.astimezone(shop.timezone).date()
    customer_id = payment.customer_id or (repair.customer_id if repair else None)
    told = {
        "form": content.SIMPLIFIED,
        "vat": by.vat,
        "buyer": _buyer(uow, None, customer_id),
        "repair": {"ref": repair.ref, "device": repair.device} if repair else None,
        "lines": [],
        "notes": [],
        "payment": {"ref": payment.ref, "method": payment.method, "on": paid_on.isoformat()},
    }
    sums = Totals(payment.amount_minor, 0, payment.amount_minor, ())
    return _write(uow, shop, actor, _Draft(
        RECEIPT, by, sums, payment.currency, locale, told, payment.repair_id, customer_id,
        payment_id=payment.payment_id,
    ))  # fmt: skip


def _write(uow: UnitOfWork, shop: Shop, actor: Actor, draft: _Draft) -> Invoice:
    today = _today(uow, shop)
    told = {
        "seller": _told(draft.by.facts),
        "country": draft.by.facts.country,
        **draft.content,
        "kind": draft.kind,
        "locale": draft.locale,
        "currency": draft.currency,
        "issued_on": today.isoformat(),
        "supplied_on": draft.supplied_on.isoformat() if draft.supplied_on else None,
        "due_on": draft.due_on.isoformat() if draft.due_on else None,
        "totals": content.plain(draft.totals),
        "number": series.draw(uow, draft.by.facts, draft.kind, today.year),
    }
    invoice = Invoice(
        number=told["number"],
        kind=draft.kind,
        repair_id=draft.repair_id,
        customer_id=draft.customer_id,
        corrects_id=draft.corrects_id,
        payment_id=draft.payment_id,
        currency=draft.currency,
        locale=draft.locale,
        content=told,
        total_minor=draft.totals.gross_minor,
        tax_minor=draft.totals.tax_minor,
        digest=content.digest(told),
        issued_at=uow.now,
        supplied_on=draft.supplied_on,
        due_on=draft.due_on,
        issued_by=actor.name,
    )
    uow.session.add(invoice)
    uow.session.flush()
    return invoice


def _check(new: NewInvoice, today: date) -> None:
    try:
        validate_currency(new.currency)
    except UnknownCurrencyError as error:
        raise Invalid("no such currency", errors={"currency": ["Not an ISO 4217 code."]}) from error
    if new.due_on is not None and new.due_on < today:
        raise Invalid("too early", errors={"due_on": ["Today or later."]})


def _told(facts: Facts) -> dict[str, Any]:
    told = content.plain(facts)
    del told["prefix"]
    return told


def _buyer(uow: UnitOfWork, given: Buyer | None, customer_id: int | None) -> dict[str, Any] | None:
    """Who it is made out to; else the customer by name alone, where we know it."""
    if given is not None:
        return content.plain(given)
    customer = uow.session.get(Customer, customer_id) if customer_id else None
    return content.plain(Buyer(customer.name)) if customer and customer.name.strip() else None


def _today(uow: UnitOfWork, shop: Shop) -> date:
    return uow.now.astimezone(shop.timezone).date()


def _lock_repair(uow: UnitOfWork, repair_id: int | None) -> Any:
    """The aggregate is the repair, which is a higher tier's."""
    if repair_id is None:
        return None
    found = uow.session.execute(_REPAIR, {"id": repair_id}).first()
    if found is None:
        raise NotFound("no such repair")
    return found
