"""Shapes of tickets and their messages, as sent and as answered."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import ListQuery
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.customers import queries as customers
from crm.tickets import queries
from crm.tickets.models import AuthorKind, Priority, TicketStatus


class Conversation(Schema):
    """url: null while Chatwoot's address is not set."""

    account_id = fields.Integer()
    id = fields.Integer()
    url = fields.String(allow_none=True)
    status = fields.String()


class Ticket(Schema):
    ref = fields.String()
    customer = fields.String()
    subject = fields.String()
    status = fields.String()
    priority = fields.String()
    assignee = fields.String(allow_none=True)
    source = fields.String()
    rating = fields.Integer(allow_none=True)
    rating_comment = fields.String(allow_none=True)
    conversations = fields.List(fields.Nested(Conversation))
    created_at = Moment()
    updated_at = Moment()
    resolved_at = Moment(allow_none=True)


class TicketQuery(ListQuery):
    conversation_id = Whole(1)
    account_id = Whole(1)
    status = one_of(*TicketStatus)
    priority = one_of(*Priority)
    assignee = Text(255)
    source = Text(40)
    customer = Text(40)


class NewTicket(Strict):
    """customer: reference."""

    customer = Text(40, required=True)
    subject = Text(255, required=True)
    priority = one_of(*Priority, load_default=Priority.MEDIUM)


class Message(Schema):
    """repair: reference of the one it is about. meant_by: why, see docs/messages.md."""

    id = fields.Integer()
    author_kind = fields.String()
    author_name = fields.String()
    body = fields.String()
    private = fields.Boolean()
    attachments = fields.List(fields.Dict())
    repair = fields.String(allow_none=True)
    meant_by = fields.String(allow_none=True)
    external_id = fields.String(allow_none=True)
    created_at = Moment()
    deleted_at = Moment(allow_none=True)


class NewMessage(Strict):
    body = Text(10_000, required=True)
    private = Flag(load_default=False)
    author_kind = one_of(*AuthorKind, load_default=AuthorKind.AGENT)


class StatusChange(Strict):
    status = one_of(*TicketStatus, required=True)


class Assignment(Strict):
    """assignee: name, null for nobody."""

    assignee = Text(255, required=True, allow_none=True)


class PriorityChange(Strict):
    priority = one_of(*Priority, required=True)


class Rating(Strict):
    rating = Whole(1, 5, required=True)
    comment = Text(2000, allow_none=True, load_default=None)


class RepairLink(Strict):
    """repair: reference."""

    repair = Text(40, required=True)


def shown(uow: UnitOfWork, ticket: Any) -> dict[str, Any]:
    """A ticket as `Ticket` dumps it."""
    base = here().settings.chatwoot.url
    bound = queries.conversations(uow, [ticket.id])[ticket.id]
    columns = ("ref", "subject", "status", "priority", "assignee", "source", "rating",
               "rating_comment", "created_at", "updated_at", "resolved_at")  # fmt: skip
    return {
        **{name: getattr(ticket, name) for name in columns},
        "customer": customers.refs(uow, [ticket.customer_id])[ticket.customer_id],
        "conversations": [
            {
                "account_id": one.account_id,
                "id": one.number,
                "url": f"{base}/app/accounts/{one.account_id}/conversations/{one.number}"
                if base
                else None,
                "status": one.status,
            }
            for one in bound
        ],
    }
