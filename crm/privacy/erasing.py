"""Erases a person: rows, bodies, names in events, and files. What stays names nobody.

Finished repairs stay, without the person and without free words: the shop's own figures come from
them. Everything else that refers to the person is deleted, in whichever table it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, text, tuple_, update

from crm.core import audit
from crm.core.db import Base
from crm.core.errors import Conflict
from crm.core.events import Actor, EventRow
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.events import CustomerErased
from crm.files.models import File
from crm.mailboxes import service as mailboxes
from crm.portal import asking
from crm.privacy.gathering import Person, events_of, gather
from crm.privacy.models import bury
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.texting import numbers

# Tables whose rows stay, and what is taken out of them.
CLEARED: dict[str, dict[str, Any]] = {
    "repairs": {"customer_id": None, "problem": ""},
    "repair_history": {"note": None, "internal_note": None, "reason": None},
    "repair_steps": {},
    "surveys": {"comment": None, "ticket_id": None},
    # What was agreed stays beside the money it led to.
    "quotes": {"customer_id": None},
    "quote_versions": {},
    "quote_decisions": {"words": "", "reason": "", "ip_address": None, "user_agent": None},
    "expenses": {"customer_id": None, "note": ""},
    # Tax law asks for documents as they were issued, names and all.
    "invoices": {"customer_id": None},
    "invoice_files": {},
    "ledger_transactions": {},
    "ledger_entries": {"customer_id": None},
    "payments": {"customer_id": None, "note": ""},
    "payment_attempts": {"customer_id": None},
    "refunds": {"reason": ""},
    "disputes": {"ticket_id": None},
}
# Entries of a repair's history whose details are figures: who mended, when, for how much.
FIGURES = ("created", "moved", "repeated", "late", "corrected", "estimate", "flags", "delay")
FIRM = ("pending", "confirmed")
_BODIES = (
    """UPDATE inbox SET body = NULL, reason = 'erased',
           state = CASE WHEN state IN ('pending', 'dead') THEN 'ignored' ELSE state END
       WHERE state <> 'running' AND (subject = ANY(:subjects) OR EXISTS (
           SELECT 1 FROM unnest(CAST(:words AS text[])) AS word
           -- However it is spelt; a body may be written in any encoding.
           WHERE position(lower(encode(convert_to(word, 'UTF8'), 'escape'))
                          IN lower(encode(body, 'escape'))) > 0))""",
    """UPDATE outbox SET body = '{}', context = '{}', result = NULL, reason = 'erased',
           state = CASE WHEN state IN ('pending', 'unsure', 'dead') THEN 'cancelled' ELSE state END,
           done_at = COALESCE(done_at, clock_timestamp())
       WHERE state <> 'sending' AND (effect_key = ANY(:keys) OR lane = ANY(:lanes) OR EXISTS (
           SELECT 1 FROM unnest(CAST(:words AS text[])) AS word
           WHERE position(lower(word) IN lower(body::text || COALESCE(result::text, ''))) > 0))""",
)


@dataclass(frozen=True)
class Erased:
    """file_keys: whose bytes are to be dropped after the commit. kept: what stays, in sentences."""

    rows: int
    file_keys: list[str]
    kept: list[str]


def erase(uow: UnitOfWork, ref: str, actor: Actor) -> Erased:
    """Raises NotFound, Conflict (`repairs-open`, `bookings-open`: finish or cancel them first)."""
    customer_id = customers.by_ref(uow, ref).id
    person = gather(uow, customer_id)
    _check_nothing_open(person)
    file_keys = [file["key"] for file in person.of(File.__tablename__)]
    contacts = tuple(sorted(person.contacts))
    bury(uow, _names(person))
    _clear_bodies(uow, person)
    _clear_events(uow, person)
    count = _take_out(uow, person)
    stopped = numbers.forget(uow, person.phones)
    mailboxes.forget(uow, person.emails)
    uow.session.expunge_all()
    audit.write(uow, actor, "customer.erase", ref, {"rows": count, "files": len(file_keys)})
    uow.record(CustomerErased(customer_id, actor, contacts))
    return Erased(count, file_keys, _kept(person, stopped))


def _check_nothing_open(person: Person) -> None:
    still = [repair["ref"] for repair in person.of("repairs")
             if repair["status"] != RepairStatus.DELIVERED
             and RepairFlag.CANCELLED not in repair["flags"]]  # fmt: skip
    if still:
        raise Conflict(f"finish or cancel first: {', '.join(still)}", code="repairs-open")
    firm = [booking["ref"] for booking in person.of("bookings") if booking["status"] in FIRM]
    if firm:
        raise Conflict(f"cancel first: {', '.join(firm)}", code="bookings-open")


def _names(person: Person) -> set[str]:
    contacts = {f"contact:{account}:{number}" for account, number in person.contacts}
    threads = {f"conversation:{c['account_id']}:{c['number']}" for c in person.of("conversations")}
    return contacts | threads


def _clear_bodies(uow: UnitOfWork, person: Person) -> None:
    lanes = {f"chatwoot:{c['account_id']}:{c['number']}{part}"
             for c in person.of("conversations") for part in ("", ":notes", ":handoff")}  # fmt: skip
    # A sync is its own lane; what it would look at is gone.
    lanes |= {f"chatwoot.{what}:{number}" for number in person.ids("conversations")
              for what in ("conversation", "status")}  # fmt: skip
    lanes |= {f"chatwoot.contact:{account}:{number}" for account, number in person.contacts}
    lanes |= {f"files.fetch:{number}" for number in person.ids("ticket_messages")}
    # Each turn of a message had an outbox row of its own (`Notification.effect_key`).
    keys = {key for n in person.of("notifications") for key in (
        n["event_key"], *(f"{n['event_key']}:{again}" for again in range(1, n["turns"])))}  # fmt: skip
    values = {
        "subjects": sorted(_names(person)),
        "words": sorted(person.addresses | _spellings(person)),
        "keys": sorted(keys),
        "lanes": sorted(lanes),
    }
    for statement in _BODIES:
        uow.session.execute(text(statement), values)
    asking.drop_typed(uow)


def _spellings(person: Person) -> set[str]:
    """The full name as bodies write it; a single word may be anybody's."""
    full = {row["name"].strip() for row in person.of("customers")}
    full = {name for name in full if " " in name}
    return full | {json.dumps(name)[1:-1] for name in full}


def _clear_events(uow: UnitOfWork, person: Person) -> None:
    """Names and words go; what happened and when stays. Of a repair only ids and statuses are told."""
    about = events_of(person)
    uow.session.execute(
        update(EventRow)
        .where(about, EventRow.actor_kind == "customer")
        .values(actor_name="", actor_id=None)
    )
    uow.session.execute(
        update(EventRow).where(about, EventRow.subject_kind != "repair").values(data={})
    )


def _take_out(uow: UnitOfWork, person: Person) -> int:
    count = 0
    for table in reversed(Base.metadata.sorted_tables):
        keys = list(person.rows.get(table.name, ()))
        if not keys:
            continue
        chosen = tuple_(*table.primary_key.columns).in_(keys)
        if table.name in CLEARED:
            if CLEARED[table.name]:
                uow.session.execute(update(table).where(chosen).values(CLEARED[table.name]))
            if table.name == "repair_history":
                others = chosen & table.c.outcome.not_in(FIGURES)
                uow.session.execute(update(table).where(others).values(details={}))
            if "actor_kind" in table.c:
                theirs = chosen & (table.c.actor_kind == "customer")
                uow.session.execute(update(table).where(theirs).values(actor_name=""))
            if "by_kind" in table.c:
                theirs = chosen & (table.c.by_kind == "customer")
                uow.session.execute(update(table).where(theirs).values(by_name=""))
        else:
            uow.session.execute(delete(table).where(chosen))
        count += len(keys)
    return count


def _kept(person: Person, stopped: int) -> list[str]:
    kept = ["the audit log names the reference and who erased it, for good"]
    if repairs := person.of("repairs"):
        kept.append(f"{len(repairs)} finished repairs without the person, for the shop's figures")
    if quotes := person.of("quotes"):
        kept.append(f"{len(quotes)} quotes without the person and their words: the books stay")
    if payments := person.of("payments"):
        kept.append(f"{len(payments)} payments and their ledger without the person: the books stay")
    if expenses := person.of("expenses"):
        kept.append(f"{len(expenses)} expenses without the person and the note: the books stay")
    if documents := person.of("invoices"):
        kept.append(
            f"{len(documents)} invoices, credit notes and receipts as they were issued, "
            "for as long as tax law asks for them"
        )
    if stopped:
        kept.append("a digest of the number that said STOP, so that nobody writes to it")
    if person.contacts:
        kept.append(
            "the contact in Chatwoot, until Chatwoot lets it go: it refuses while they are online"
        )
    kept.append("sealed answers to requests that may be repeated, for 24 hours")
    kept.append("backups, until they expire; erase again after a restore")
    return kept
