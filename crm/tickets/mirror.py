"""Mirroring conversations: one ticket each, whatever order and however often the news comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.tickets import rules, service
from crm.tickets.events import ConversationAssigned, ConversationBound, MessageReceived
from crm.tickets.models import (
    AuthorKind,
    Conversation,
    Priority,
    Ticket,
    TicketMessage,
    TicketStatus,
)

SUBJECT_LENGTH = 120


@dataclass(frozen=True)
class Seen:
    """A conversation as a sender describes it. changed_at: unix seconds, None where unknown.

    assignee, assignee_id: name and number of an agent; a bot has no number here.
    """

    account_id: int
    number: int
    inbox_id: int | None
    contact_id: int | None
    channel: str
    status: str
    can_reply: bool
    is_verified: bool
    assignee: str | None
    priority: str | None
    labels: tuple[str, ...]
    changed_at: float | None
    last_activity_at: datetime | None
    assignee_id: int | None = None


@dataclass(frozen=True)
class Said:
    """A message as a sender describes it. id: the sender's number, growing with time."""

    id: int
    author_kind: AuthorKind
    author_name: str
    body: str
    private: bool
    created_at: datetime
    attachments: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    effect_key: str | None = None


@dataclass(frozen=True)
class StateChange:
    """What applying a conversation's state changed. added_labels: in the sender's order."""

    is_stale: bool = False
    added_labels: tuple[str, ...] = ()


def lock(uow: UnitOfWork, account_id: int, number: int) -> Conversation | None:
    """The conversation, locked until the unit ends; also bars a second one from being made."""
    uow.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"conversation:{account_id}:{number}"},
    )
    return uow.session.scalars(
        select(Conversation)
        .where(Conversation.account_id == account_id, Conversation.number == number)
        .with_for_update()
    ).first()


def open_conversation(uow: UnitOfWork, seen: Seen, customer_id: int, subject: str) -> Conversation:
    """Bind a conversation we do not know yet to a fresh ticket. Call `lock` first."""
    actor = Actor("customer", "", str(customer_id))
    ticket = service.open_ticket(
        uow,
        customer_id,
        subject[:SUBJECT_LENGTH] or "Conversation",
        source="chatwoot",
        actor=actor,
        status=rules.mirrored(seen.status, answered=False) or TicketStatus.OPEN,
        priority=Priority(seen.priority) if seen.priority in list(Priority) else Priority.MEDIUM,
    )
    ticket.assignee = seen.assignee
    conversation = Conversation(
        account_id=seen.account_id,
        number=seen.number,
        inbox_id=seen.inbox_id,
        contact_id=seen.contact_id,
        channel=seen.channel,
        ticket_id=ticket.id,
        customer_id=customer_id,
        status=seen.status,
        assignee=seen.assignee,
        priority=seen.priority,
        labels=list(seen.labels),
        written_labels=[],
        can_reply=seen.can_reply,
        is_verified=seen.is_verified,
        changed_at=seen.changed_at,
        last_message_id=0,
        reconciled_message_id=0,
        last_activity_at=seen.last_activity_at or uow.now,
        created_at=uow.now,
    )
    uow.session.add(conversation)
    uow.session.flush()
    uow.record(ConversationBound(ticket.id, actor, conversation.id))
    if seen.assignee_id is not None:
        uow.record(ConversationAssigned(ticket.id, actor, conversation.id, seen.assignee_id))
    return conversation


def note_reach(conversation: Conversation, seen: Seen) -> None:
    """What any copy of a conversation may tell, even a nested and older one: where and how to write.

    Status, assignee and labels are left alone (reliability.md, rule 6).
    """
    conversation.can_reply = seen.can_reply
    conversation.is_verified = seen.is_verified
    conversation.channel = seen.channel or conversation.channel
    conversation.inbox_id = seen.inbox_id or conversation.inbox_id
    if seen.last_activity_at and seen.last_activity_at > conversation.last_activity_at:
        conversation.last_activity_at = seen.last_activity_at


def rebind(
    uow: UnitOfWork, conversation: Conversation, contact_id: int | None, customer_id: int
) -> None:
    """The thread turned out to be somebody else's: a visitor identified, contacts were merged."""
    conversation.contact_id = contact_id or conversation.contact_id
    if conversation.customer_id == customer_id:
        return
    conversation.customer_id = customer_id
    ticket = uow.session.get_one(Ticket, conversation.ticket_id)
    ticket.customer_id, ticket.updated_at = customer_id, uow.now
    uow.record(
        ConversationBound(ticket.id, Actor("customer", "", str(customer_id)), conversation.id)
    )


def apply_state(uow: UnitOfWork, conversation: Conversation, seen: Seen) -> StateChange:
    """Apply a conversation's own state if it is newer than ours (rule 6), diffing its status.

    The status is compared in every payload, because Chatwoot does not announce every change
    (chatwoot/webhooks.md 2.2).
    """
    known = conversation.changed_at
    if seen.changed_at is not None and known is not None and seen.changed_at < known:
        return StateChange(is_stale=True)
    actor = Actor("agent", seen.assignee or "Chatwoot")
    ticket = uow.session.scalars(
        select(Ticket).where(Ticket.id == conversation.ticket_id).with_for_update()
    ).one()
    added = tuple(label for label in seen.labels if label not in conversation.labels)
    if seen.status != conversation.status:
        answered = uow.session.scalars(
            select(TicketMessage.id)
            .where(
                TicketMessage.ticket_id == ticket.id,
                TicketMessage.author_kind == AuthorKind.AGENT,
                TicketMessage.private.is_(False),
            )
            .limit(1)
        ).first()
        status = rules.mirrored(seen.status, answered=answered is not None)
        if status is not None and not rules.agree(ticket.status, status):
            service.set_status(uow, ticket, status, actor)
    if seen.assignee != conversation.assignee:
        service.set_assignee(uow, ticket, seen.assignee, actor)
        if seen.assignee_id is not None:
            uow.record(ConversationAssigned(ticket.id, actor, conversation.id, seen.assignee_id))
    if seen.priority != conversation.priority and seen.priority in list(Priority):
        ticket.priority = Priority(seen.priority)
    conversation.status = seen.status
    conversation.assignee = seen.assignee
    conversation.priority = seen.priority
    conversation.labels = list(seen.labels)
    conversation.changed_at = seen.changed_at or conversation.changed_at
    note_reach(conversation, seen)
    return StateChange(added_labels=added)


def append(uow: UnitOfWork, conversation: Conversation, said: Said) -> TicketMessage | None:
    """Add a message to the thread. None if we hold it already."""
    is_newest = said.id > conversation.last_message_id
    conversation.last_message_id = max(conversation.last_message_id, said.id)
    if said.effect_key and _bind_own(uow, conversation, said):
        return None
    row = uow.session.execute(
        insert(TicketMessage)
        .values(
            ticket_id=conversation.ticket_id,
            conversation_id=conversation.id,
            author_kind=said.author_kind,
            author_name=said.author_name,
            body=said.body,
            private=said.private,
            attachments=said.attachments,
            details=said.details,
            external_id=f"chatwoot:{said.id}",
            effect_key=said.effect_key,
            created_at=said.created_at,
        )
        .on_conflict_do_nothing()
        .returning(TicketMessage)
    ).scalar()
    if row is None:
        return None
    ticket = uow.session.scalars(
        select(Ticket).where(Ticket.id == conversation.ticket_id).with_for_update()
    ).one()
    ticket.updated_at = uow.now
    actor = Actor(said.author_kind, said.author_name)
    if not said.private and (is_newest or not _is_overtaken(uow, conversation, said)):
        status = rules.after_message(ticket.status, said.author_kind)
        if status is not None:
            service.set_status(uow, ticket, status, actor)
    uow.record(MessageReceived(ticket.id, actor, row.id, said.author_kind, said.private))
    return row


def _is_overtaken(uow: UnitOfWork, conversation: Conversation, said: Said) -> bool:
    """Whether a person spoke after this message came into being: the ticket stands as that left it."""
    later = select(
        exists().where(
            TicketMessage.ticket_id == conversation.ticket_id,
            TicketMessage.conversation_id == conversation.id,
            TicketMessage.private.is_(False),
            TicketMessage.author_kind.in_((AuthorKind.CUSTOMER, AuthorKind.AGENT)),
            TicketMessage.created_at > said.created_at,
        )
    )
    return bool(uow.session.execute(later).scalar())


def _bind_own(uow: UnitOfWork, conversation: Conversation, said: Said) -> bool:
    """Whether this is a message of this thread that we posted ourselves; it learns its number."""
    own = uow.session.scalars(
        select(TicketMessage)
        .where(
            TicketMessage.ticket_id == conversation.ticket_id,
            TicketMessage.effect_key == said.effect_key,
        )
        .with_for_update()
    ).first()
    if own is None:
        return False
    own.conversation_id = conversation.id
    own.external_id = own.external_id or f"chatwoot:{said.id}"
    return True


def revise(uow: UnitOfWork, said: Said, *, deleted: bool) -> TicketMessage | None:
    """A message changed over there. None if we never had it."""
    row = uow.session.scalars(
        select(TicketMessage)
        .where(TicketMessage.external_id == f"chatwoot:{said.id}")
        .with_for_update()
    ).first()
    if row is None:
        return None
    row.details = {**row.details, **said.details}
    if deleted:
        row.body, row.attachments = "", []
        row.deleted_at = row.deleted_at or uow.now
    elif row.deleted_at is None:
        row.body = said.body
        row.attachments = said.attachments or row.attachments
    return row
