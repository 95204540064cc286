"""Reads what a pack tells of one repair: sections from rows, and which files and documents go with it.

Private notes, reasons between staff and the codes of devices are never read here. Written in
English, for banks; what people wrote stays as they wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from babel.dates import format_datetime
from sqlalchemy import select

from crm.core import money
from crm.core.errors import NotFound
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.disputes import queries as disputes
from crm.evidence import approving, handing, talking
from crm.evidence.pages import Facts, Section, Table
from crm.files.models import File
from crm.files.receiving import file_name
from crm.files.rules import EXTENSIONS
from crm.invoices.models import Invoice
from crm.payments import queries as payments
from crm.payments.refund_models import Refund
from crm.repairs.models import Repair, RepairEntry

MOST_ENTRIES = 1000


@dataclass(frozen=True)
class Filed:
    """A file in the store: key of its folder, name in it. path: in the pack."""

    path: str
    title: str
    key: str
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Document:
    """An invoice, credit note or receipt, to be drawn."""

    path: str
    title: str
    invoice_id: int


@dataclass(frozen=True)
class Gathered:
    repair_ref: str
    sections: tuple[Section, ...]
    documents: tuple[Document, ...]
    files: tuple[Filed, ...]


def gather(uow: UnitOfWork, shop: Shop, repair_id: int) -> Gathered:
    """Raises NotFound."""
    repair = uow.session.get(Repair, repair_id)
    if repair is None:
        raise NotFound("no such repair")
    when = partial(moment, shop)
    sections = (
        _repair(uow, repair, when),
        handing.intake(uow, repair_id, when),
        handing.checklists(uow, repair_id, when),
        handing.agreements(uow, repair_id, when),
        approving.quotes(uow, repair_id, when),
        talking.messages(uow, shop, repair, when),
        _history(uow, repair_id, when),
        _money(uow, repair_id, when),
        handing.collection(uow, repair_id, when),
    )
    return Gathered(repair.ref, sections, _documents(uow, repair_id), _files(uow, repair_id, when))


def moment(shop: Shop, at: datetime | None) -> str | None:
    """As the shop's clock showed it."""
    if at is None:
        return None
    return format_datetime(at, "d MMM y, HH:mm:ss zzz", tzinfo=shop.timezone, locale="en_GB")


def _repair(uow: UnitOfWork, repair: Repair, when: partial) -> Section:
    customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
    rows = [
        ("Repair", repair.ref),
        ("Customer", customer.name if customer else None),
        ("E-mail", customer.email if customer else None),
        ("Phone", customer.phone if customer else None),
        ("Device", repair.device),
        ("Problem as told", repair.problem),
        ("Received", when(repair.received_at)),
        ("Status", repair.status),
        ("Since", when(repair.status_at)),
    ]
    return Section("repair", "The repair", (Facts("What was handed in", rows),))


def _history(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    query = select(RepairEntry).where(RepairEntry.repair_id == repair_id).order_by(RepairEntry.id)
    rows = [
        (when(one.occurred_at), one.outcome, one.from_status, one.to_status, one.note,
         one.actor_name)
        for one in uow.session.scalars(query.limit(MOST_ENTRIES))
    ]  # fmt: skip
    head = ("When", "What", "From", "To", "Note to the customer", "By")
    blocks = (Table("Every step", head, rows),) if rows else ()
    return Section("history", "History of the repair", blocks)


def _money(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    def amount(one: object) -> str:
        return money.in_words(one.amount_minor, one.currency, "en_GB")

    paid = payments.of_repair(uow, repair_id)
    ids = [one.id for one in paid]
    query = select(Refund).where(Refund.payment_id.in_(ids)).order_by(Refund.id)
    refs = {one.id: one.ref for one in paid}
    tables = (
        Table(
            "Payments",
            ("When", "Payment", "Method", "Amount", "For", "State", "Charge"),
            [(when(one.received_at), one.ref, one.method, amount(one), one.purpose, one.state,
              one.provider_charge_id) for one in paid],
        ),
        Table(
            "Refunds",
            ("Asked for", "Refund", "Payment", "Amount", "State", "Settled"),
            [(when(one.created_at), one.ref, refs[one.payment_id], amount(one), one.state,
              when(one.settled_at)) for one in uow.session.scalars(query)],
        ),
        Table(
            "Disputes",
            ("Opened", "Dispute", "Payment", "Amount", "Reason", "State"),
            [(when(one.opened_at), one.ref, refs[one.payment_id], amount(one), one.reason,
              one.state) for one in disputes.of_repair(uow, repair_id)],
        ),
    )  # fmt: skip
    return Section("money", "Payments", tuple(one for one in tables if one.rows))


def _documents(uow: UnitOfWork, repair_id: int) -> tuple[Document, ...]:
    query = select(Invoice.id, Invoice.number, Invoice.kind)
    query = query.where(Invoice.repair_id == repair_id).order_by(Invoice.id)
    return tuple(
        Document(
            f"documents/{position:03}.pdf", f"{kind.replace('_', ' ').capitalize()} {number}", key
        )
        for position, (key, number, kind) in enumerate(uow.session.execute(query), start=1)
    )


def _files(uow: UnitOfWork, repair_id: int, when: partial) -> tuple[Filed, ...]:
    """Pairs first, as they show the work; then the others, as they came in."""
    query = select(File).where(File.repair_id == repair_id)
    query = query.order_by(File.pair.asc().nulls_last(), File.stage.desc(), File.id)
    found = []
    for position, one in enumerate(uow.session.scalars(query), start=1):
        stage = f"{one.stage} the work, pair {one.pair}, " if one.stage else ""
        found.append(
            Filed(
                # Names come from strangers; they are told in the index alone.
                f"files/{position:03}.{EXTENSIONS[one.content_type]}",
                f"{one.name} ({stage}{when(one.created_at)}, by {one.actor_name})",
                one.key,
                file_name(one.content_type),
                one.size_bytes,
            )
        )
    return tuple(found)
