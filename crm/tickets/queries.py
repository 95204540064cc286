"""Reads of tickets, their conversations and messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.tickets.models import Conversation, Ticket, TicketMessage


def listed(
    uow: UnitOfWork,
    *,
    status: str | None = None,
    priority: str | None = None,
    assignee: str | None = None,
    source: str | None = None,
    customer_id: int | None = None,
    conversation: tuple[int, int] | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first. conversation: (account id, number of the conversation in it)."""
    exact = {
        Ticket.status: status,
        Ticket.priority: priority,
        Ticket.assignee: assignee,
        Ticket.source: source,
        Ticket.customer_id: customer_id,
    }
    query = select(Ticket).where(
        *(column == value for column, value in exact.items() if value is not None)
    )
    if conversation is not None:
        account_id, number = conversation
        query = query.where(
            exists().where(
                Conversation.ticket_id == Ticket.id,
                Conversation.account_id == account_id,
                Conversation.number == number,
            )
        )
    return page(uow.session, query, [Ticket.id], limit=limit, after=after)


def refs(uow: UnitOfWork, ids: Sequence[int]) -> list[str]:
    """The references of these tickets, oldest first."""
    return list(
        uow.session.scalars(select(Ticket.ref).where(Ticket.id.in_(ids)).order_by(Ticket.id))
    )


def conversations(uow: UnitOfWork, ticket_ids: Sequence[int]) -> dict[int, list[Conversation]]:
    """Ticket id -> its conversations, oldest first."""
    found: dict[int, list[Conversation]] = defaultdict(list)
    for one in uow.session.scalars(
        select(Conversation).where(Conversation.ticket_id.in_(ticket_ids)).order_by(Conversation.id)
    ):
        found[one.ticket_id].append(one)
    return found


def latest_conversation(uow: UnitOfWork, ticket_id: int) -> Conversation | None:
    """The one of a ticket's conversations something happened in last."""
    return uow.session.scalars(
        select(Conversation)
        .where(Conversation.ticket_id == ticket_id)
        .order_by(Conversation.last_activity_at.desc(), Conversation.id)
        .limit(1)
    ).first()


def messages(
    uow: UnitOfWork, ticket_id: int, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """The thread, oldest first by when it was written: webhooks arrive in any order."""
    query = select(TicketMessage).where(TicketMessage.ticket_id == ticket_id)
    order = [TicketMessage.created_at, TicketMessage.id]
    return page(uow.session, query, order, limit=limit, after=after, oldest_first=True)
