"""Commands on tickets by staff and API. Mirroring a conversation is in `mirror.py`."""

from __future__ import annotations

from sqlalchemy import select, text

from crm.core.errors import Invalid, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.tickets.events import (
    MessageReceived,
    TicketAssigned,
    TicketOpened,
    TicketRated,
    TicketStatusChanged,
)
from crm.tickets.models import Priority, Ticket, TicketMessage, TicketStatus
from crm.tickets.rules import SETTLED


def by_ref(uow: UnitOfWork, ref: str, *, for_update: bool = False) -> Ticket:
    """Raises NotFound."""
    query = select(Ticket).where(Ticket.ref == ref)
    ticket = uow.session.scalars(query.with_for_update() if for_update else query).first()
    if ticket is None:
        raise NotFound("no such ticket")
    return ticket


def open_ticket(
    uow: UnitOfWork,
    customer_id: int,
    subject: str,
    *,
    source: str,
    actor: Actor,
    status: TicketStatus = TicketStatus.OPEN,
    priority: Priority = Priority.MEDIUM,
) -> Ticket:
    number = uow.session.scalar(text("SELECT nextval('ticket_numbers')"))
    ticket = Ticket(
        ref=f"TKT-{number:06}",
        customer_id=customer_id,
        subject=subject,
        status=status,
        priority=priority,
        source=source,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(ticket)
    uow.session.flush()
    uow.record(TicketOpened(ticket.id, actor))
    return ticket


def add_message(
    uow: UnitOfWork, ref: str, body: str, *, author_kind: str, private: bool, actor: Actor
) -> TicketMessage:
    """A message written through our own API; `MessageReceived` carries it into the conversation."""
    ticket = by_ref(uow, ref, for_update=True)
    message = TicketMessage(
        ticket_id=ticket.id,
        author_kind=author_kind,
        author_name=actor.name,
        body=body,
        private=private,
        created_at=uow.now,
        attachments=[],
        details={},
    )
    uow.session.add(message)
    uow.session.flush()
    ticket.updated_at = uow.now
    uow.record(MessageReceived(ticket.id, actor, message.id, author_kind, private))
    return message


def change_status(uow: UnitOfWork, ref: str, to: str, actor: Actor) -> Ticket:
    ticket = by_ref(uow, ref, for_update=True)
    set_status(uow, ticket, TicketStatus(to), actor)
    return ticket


def set_status(uow: UnitOfWork, ticket: Ticket, to: TicketStatus, actor: Actor) -> None:
    if ticket.status == to:
        return
    before, ticket.status, ticket.updated_at = ticket.status, to, uow.now
    ticket.resolved_at = uow.now if to in SETTLED else None
    uow.record(TicketStatusChanged(ticket.id, actor, before, to))


def assign(uow: UnitOfWork, ref: str, assignee: str | None, actor: Actor) -> Ticket:
    ticket = by_ref(uow, ref, for_update=True)
    set_assignee(uow, ticket, assignee, actor)
    return ticket


def set_assignee(uow: UnitOfWork, ticket: Ticket, assignee: str | None, actor: Actor) -> None:
    if ticket.assignee == assignee:
        return
    ticket.assignee, ticket.updated_at = assignee, uow.now
    uow.record(TicketAssigned(ticket.id, actor, assignee))


def set_priority(uow: UnitOfWork, ref: str, priority: str) -> Ticket:
    ticket = by_ref(uow, ref, for_update=True)
    ticket.priority, ticket.updated_at = Priority(priority), uow.now
    return ticket


def rate(uow: UnitOfWork, ticket: Ticket, rating: int, comment: str | None, actor: Actor) -> None:
    """rating: 1 to 5. Raises Invalid."""
    if not 1 <= rating <= 5:
        raise Invalid("a rating is 1 to 5", errors={"rating": ["1 to 5"]})
    if (ticket.rating, ticket.rating_comment) == (rating, comment):
        return
    ticket.rating, ticket.rating_comment, ticket.updated_at = rating, comment, uow.now
    uow.record(TicketRated(ticket.id, actor, rating))
