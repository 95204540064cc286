"""What people write to the shop's own numbers: whose it is, and into which ticket it goes.

Which repair they mean is heard by `crm/replies`, which also asks where it is not clear and
obeys "write no more". Carrying it into the conversation is left to `chatwoot/agent_notes.py`; proving
who sent it, and how messages reach us, to the integration that heard them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert

from crm import threads
from crm.bookings import queries as bookings
from crm.bookings.models import Booking
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.customers import rules as customer_rules
from crm.customers import service as customers
from crm.customers.models import Customer, CustomerKey
from crm.customers.service import Person
from crm.passcodes import rules as code_rules
from crm.passcodes import service as passcodes
from crm.repairs import links
from crm.repairs.models import Repair, TicketRepair
from crm.replies import talks, wishes
from crm.replies.rules import Heard, Meant
from crm.texting import numbers, words
from crm.tickets import rules, service
from crm.tickets.events import CustomerTexted, MessageReceived
from crm.tickets.models import AuthorKind, Ticket, TicketMessage, TicketStatus

SUBJECT_SIGNS = 80
_OPT_OUTS = {"STOP": words.STOP, "START": words.START}


@dataclass(frozen=True)
class Text:
    """One message. sid: its sender's name for it. number: E.164. media: how many files came with it.

    opt_out: `STOP`, `START` or `HELP` where the sender's service read it so, else empty. at: when we
    got it. quoted: the name of our message that it answers, where the channel tells.
    """

    sid: str
    channel: str
    number: str
    words: str
    name: str
    media: int
    opt_out: str
    at: datetime
    quoted: str = ""


def take(uow: UnitOfWork, seal: Seal, text: Text) -> None:
    """Keep one message once. "Write no more" makes nobody a customer."""
    numbers.heard(uow, text.channel, text.number, text.at)
    wish = _OPT_OUTS.get(text.opt_out) or numbers.wish(uow, text.number, text.words)
    if wish is not None and not _is_known(uow, text.number):
        act = numbers.start if wish == words.START else numbers.stop
        act(uow, text.number, f"they wrote so by {text.channel}")
        return
    if wish is None and not (text.words or text.media):
        return
    actor = Actor("customer", text.name or text.channel)
    customer = customers.recognise(uow, _person(text), actor)
    meant = _understood(uow, customer, text) if wish is None else None
    repair = uow.session.get_one(Repair, meant.repair_id) if meant and meant.repair_id else None
    hidden = code_rules.hide(text.words)
    ticket = _ticket(uow, customer, repair, replace(text, words=hidden.text), actor)
    message_id = _keep(uow, ticket, text, hidden.text, repair, meant)
    if message_id is None:
        return
    if hidden.codes and repair is not None:
        passcodes.put_from_chat(uow, seal, repair.id, repair.ref, hidden.codes[0], actor)
    ticket.updated_at = uow.now
    # As in the chat, words of the customer open a thread that was thought settled.
    settled = ticket.status in rules.SETTLED
    status = TicketStatus.OPEN if settled else rules.after_message(ticket.status, "customer")
    if status is not None:
        service.set_status(uow, ticket, status, actor)
    uow.record(MessageReceived(ticket.id, actor, message_id, AuthorKind.CUSTOMER, private=False))
    uow.record(CustomerTexted(ticket.id, actor, message_id))


def _is_known(uow: UnitOfWork, number: str) -> bool:
    """Whether somebody has proven this number, or staff have made a booking for it."""
    key = customer_rules.phone_key(number, proven=True)
    proven = exists().where(
        CustomerKey.kind == key.kind, CustomerKey.value == key.value, CustomerKey.is_proven
    )
    booked = exists().where(bookings.is_for_number(number), Booking.starts_at > uow.now)
    return bool(uow.session.scalar(select(proven | booked)))


def _understood(uow: UnitOfWork, customer: Customer, text: Text) -> Meant | None:
    talk = talks.by_text(customer.id, text.channel)
    heard = Heard(text.words, quoted=talks.of_names(uow, [text.quoted]), has_files=text.media > 0)
    meant = talks.understand(uow, talk, heard)
    return meant if isinstance(meant, Meant) else None


def _person(text: Text) -> Person:
    """A number that a carrier delivered from is proven; it fills gaps and replaces nothing."""
    key = customer_rules.phone_key(text.number, proven=True)
    return Person(text.name, phone=key.value, keys=(key,), replaces=False)


def _ticket(
    uow: UnitOfWork, customer: Customer, repair: Repair | None, text: Text, actor: Actor
) -> Ticket:
    """The ticket of the repair meant, else the customer's newest, else a fresh one; locked."""
    newest = select(Ticket).where(Ticket.customer_id == customer.id)
    queries = [newest]
    if repair is not None:
        conversation = threads.conversation_for_repair(uow, repair.id)
        theirs = select(Ticket).join(TicketRepair, TicketRepair.ticket_id == Ticket.id)
        theirs = theirs.where(TicketRepair.repair_id == repair.id)
        if conversation is not None:
            theirs = select(Ticket).where(Ticket.id == conversation.ticket_id)
        queries = [theirs, newest]
    for query in queries:
        latest = query.order_by(Ticket.id.desc()).limit(1).with_for_update(of=Ticket)
        if (ticket := uow.session.scalars(latest).first()) is not None:
            return ticket
    about = f"{repair.ref} {repair.device}".strip() if repair else text.words[:SUBJECT_SIGNS]
    ticket = service.open_ticket(uow, customer.id, about, source=text.channel, actor=actor)
    if repair is not None:
        links.link(uow, repair, ticket.id, customer.id, actor)
    return ticket


def _keep(
    uow: UnitOfWork,
    ticket: Ticket,
    text: Text,
    body: str,
    repair: Repair | None,
    meant: Meant | None,
) -> int | None:
    """None if it was kept before."""
    details: dict[str, Any] = {"via": text.channel, "media": text.media, "number": text.number}
    if text.quoted:
        details["quoted"] = text.quoted
    if text.opt_out in _OPT_OUTS:
        details[wishes.OPT_OUT] = _OPT_OUTS[text.opt_out]
    if repair is not None:
        details["repair"] = repair.ref
    if meant is not None:
        details["meant_by"] = meant.by.value
    return uow.session.scalar(
        insert(TicketMessage)
        .values(
            ticket_id=ticket.id,
            author_kind=AuthorKind.CUSTOMER,
            author_name=text.name,
            body=body,
            private=False,
            details=details,
            external_id=f"twilio:{text.sid}",
            created_at=text.at,
        )
        .on_conflict_do_nothing()
        .returning(TicketMessage.id)
    )
