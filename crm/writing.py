"""What a customer writes to us on a page of ours: kept with the repair's ticket, never lost.

Carrying it into the conversation is left to `chatwoot/agent_notes.py`. How many signs and how often
is the page's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm import threads
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.passcodes import rules as code_rules
from crm.passcodes import service as passcodes
from crm.repairs import links
from crm.repairs import service as repairs
from crm.repairs.models import Repair, RepairEntry, TicketRepair
from crm.repairs.service import Address
from crm.tickets import rules, service
from crm.tickets.events import CustomerWrote, MessageReceived
from crm.tickets.models import AuthorKind, Ticket, TicketMessage, TicketStatus

AUTHOR = Actor("customer", "Tracking page")
SOURCE = "tracking_page"


@dataclass(frozen=True)
class Claim:
    """The words are a claim under warranty. heading: opens them, in the customer's language.

    lines: slugs of what is covered.
    """

    heading: str
    lines: Sequence[str]


def write(
    uow: UnitOfWork,
    seal: Seal,
    repair_id: int,
    words: str,
    *,
    form: str,
    claim: Claim | None = None,
) -> bool:
    """Keep one message about a repair. False if this form sent these words before.

    form: one per page shown, so that a second press of the button writes nothing twice. Without
    anybody to open a ticket for, the words go to the repair's history. The code of a device goes to
    the passcode box and is hidden in the words, as in the chat.
    """
    repair = uow.session.get_one(Repair, repair_id, with_for_update=True)
    hidden = code_rules.hide(words)
    body = hidden.text
    details: dict[str, Any] = {"via": SOURCE}
    if claim is not None:
        body = f"{claim.heading}: {body}"
        details["warranty_claim"] = list(claim.lines)
    if not _keep(uow, repair, body, details, form):
        return False
    if hidden.codes:
        passcodes.put_from_chat(uow, seal, repair.id, repair.ref, hidden.codes[0], AUTHOR)
    return True


def _keep(uow: UnitOfWork, repair: Repair, body: str, details: dict[str, Any], form: str) -> bool:
    once = hashlib.sha256(f"{repair.id}:{form}:{body}".encode()).hexdigest()
    ticket = _ticket(uow, repair)
    if ticket is None:
        return _into_history(uow, repair, body, details | {"form": once})
    conversation = threads.conversation_for_repair(uow, repair.id)
    message_id = uow.session.scalar(
        insert(TicketMessage)
        .values(
            ticket_id=ticket.id,
            conversation_id=conversation.id if conversation else None,
            author_kind=AuthorKind.CUSTOMER,
            author_name="",
            body=body,
            private=False,
            details=details | {"repair": repair.ref},
            external_id=f"{SOURCE}:{once}",
            created_at=uow.now,
        )
        .on_conflict_do_nothing()
        .returning(TicketMessage.id)
    )
    if message_id is None:
        return False
    ticket.updated_at = uow.now
    # As in the chat, words of the customer open a thread that was thought settled.
    settled = ticket.status in rules.SETTLED
    status = TicketStatus.OPEN if settled else rules.after_message(ticket.status, "customer")
    if status is not None:
        service.set_status(uow, ticket, status, AUTHOR)
    uow.record(MessageReceived(ticket.id, AUTHOR, message_id, AuthorKind.CUSTOMER, private=False))
    uow.record(CustomerWrote(ticket.id, AUTHOR, message_id, repair.id))
    return True


def _ticket(uow: UnitOfWork, repair: Repair) -> Ticket | None:
    """The repair's ticket, locked: its conversation's, else its latest, else a fresh one."""
    conversation = threads.conversation_for_repair(uow, repair.id)
    known = select(Ticket).join(TicketRepair, TicketRepair.ticket_id == Ticket.id)
    known = known.where(TicketRepair.repair_id == repair.id).order_by(Ticket.id.desc()).limit(1)
    if conversation is not None:
        known = select(Ticket).where(Ticket.id == conversation.ticket_id)
    ticket = uow.session.scalars(known.with_for_update(of=Ticket)).first()
    if ticket is None and repair.customer_id is not None:
        ticket = service.open_ticket(
            uow, repair.customer_id, f"{repair.ref} {repair.device}".strip(), source=SOURCE,
            actor=AUTHOR,
        )  # fmt: skip
        links.link(uow, repair, ticket.id, repair.customer_id, AUTHOR)
    return ticket


def _into_history(uow: UnitOfWork, repair: Repair, body: str, details: dict[str, Any]) -> bool:
    seen = select(RepairEntry.id).where(
        RepairEntry.repair_id == repair.id, RepairEntry.details["form"].astext == details["form"]
    )
    if uow.session.scalar(seen) is not None:
        return False
    repairs.note(
        uow, Address(ref=repair.ref), AUTHOR, outcome="note", internal_note=body,
        details=details,
    )  # fmt: skip
    return True
