"""Tickets, their threads and their repairs."""

from __future__ import annotations

from functools import partial

from bridge.api import bodies, repairs
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.ticket_schemas import (
    Assignment,
    Message,
    NewMessage,
    NewTicket,
    PriorityChange,
    Rating,
    RepairLink,
    StatusChange,
    Ticket,
    TicketQuery,
    shown,
)
from bridge.auth import allow, principal
from bridge.context import here
from crm import threads
from crm.customers import service as customers
from crm.repairs import links
from crm.repairs import queries as repair_queries
from crm.repairs import service as repair_service
from crm.repairs.service import Address
from crm.tickets import queries, service
from crm.tickets.models import Priority

blp = Blueprint("tickets", __name__, url_prefix="/api/v1/tickets", description="Tickets")

REF = "<string(maxlength=40):ref>"


@blp.route("", methods=["GET"])
@allow("tickets.read")
@blp.arguments(TicketQuery, location="query")
@blp.response(200, list_of(Ticket))
def list_tickets(query):
    """List tickets, newest first"""
    account_id = query.get("account_id", here().settings.chatwoot.account_id)
    number = query.get("conversation_id")
    with here().units() as uow:
        customer = customers.by_ref(uow, query["customer"]) if "customer" in query else None
        read = partial(
            queries.listed,
            uow,
            **{name: query.get(name) for name in ("status", "priority", "assignee", "source")},
            customer_id=customer.id if customer else None,
            conversation=(account_id, number) if number else None,
        )
        return paged(query, read, partial(shown, uow))


@blp.route("", methods=["POST"])
@allow("tickets.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewTicket)
@blp.response(201, Ticket)
def create_ticket(body):
    """Open a ticket"""

    def work(uow):
        ticket = service.open_ticket(
            uow,
            customers.by_ref(uow, body["customer"]).id,
            body["subject"],
            source="api",
            actor=principal().actor,
            priority=Priority(body["priority"]),
        )
        return shown(uow, ticket)

    return create(Ticket, work)


@blp.route(f"/{REF}", methods=["GET"])
@allow("tickets.read")
@blp.response(200, Ticket)
def show_ticket(ref):
    """Show a ticket"""
    with here().units() as uow:
        return shown(uow, service.by_ref(uow, ref))


@blp.route(f"/{REF}/messages", methods=["GET"])
@allow("tickets.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Message))
def list_messages(query, ref):
    """The thread, oldest first"""
    with here().units() as uow:
        ticket = service.by_ref(uow, ref)
        read = partial(queries.messages, uow, ticket.id)
        repairs_told = threads.repairs_of_ticket(uow, ticket.id)
        return paged(query, read, lambda row: bodies.shown(row, Message, repairs_told))


@blp.route(f"/{REF}/messages", methods=["POST"])
@allow("tickets.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewMessage)
@blp.response(201, Message)
def add_message(body, ref):
    """Write into the thread; a public message also goes into the conversation"""
    return create(
        Message, lambda uow: service.add_message(uow, ref, **body, actor=principal().actor)
    )


@blp.route(f"/{REF}/status", methods=["PUT"])
@allow("tickets.write")
@blp.arguments(StatusChange)
@blp.response(200, Ticket)
def change_status(body, ref):
    """Set the status"""
    with here().units() as uow:
        return shown(uow, service.change_status(uow, ref, body["status"], principal().actor))


@blp.route(f"/{REF}/assign", methods=["PUT"])
@allow("tickets.write")
@blp.arguments(Assignment)
@blp.response(200, Ticket)
def assign(body, ref):
    """Give the ticket to somebody, or to nobody"""
    with here().units() as uow:
        return shown(uow, service.assign(uow, ref, body["assignee"], principal().actor))


@blp.route(f"/{REF}/priority", methods=["PUT"])
@allow("tickets.write")
@blp.arguments(PriorityChange)
@blp.response(200, Ticket)
def change_priority(body, ref):
    """Set the priority"""
    with here().units() as uow:
        return shown(uow, service.set_priority(uow, ref, body["priority"]))


@blp.route(f"/{REF}/rating", methods=["PUT"])
@allow("tickets.write")
@blp.arguments(Rating)
@blp.response(200, Ticket)
def rate(body, ref):
    """Keep the customer's rating, 1 to 5"""
    with here().units() as uow:
        ticket = service.by_ref(uow, ref, for_update=True)
        service.rate(uow, ticket, body["rating"], body["comment"], principal().actor)
        return shown(uow, ticket)


@blp.route(f"/{REF}/repairs", methods=["GET"])
@allow("tickets.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(repairs.Repair))
def list_repairs(query, ref):
    """The ticket's repairs, newest first"""
    with here().units() as uow:
        ticket = service.by_ref(uow, ref)
        read = partial(repair_queries.listed, uow, ticket_id=ticket.id)
        return paged(query, read, partial(repairs.shown, uow))


@blp.route(f"/{REF}/repairs", methods=["POST"])
@allow("tickets.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(RepairLink)
@blp.response(201, repairs.Repair)
def link_repair(body, ref):
    """Make a repair part of the ticket; a second time changes nothing"""

    def work(uow):
        ticket = service.by_ref(uow, ref)
        repair = repair_service.find(uow, Address(ref=body["repair"]))
        links.link(uow, repair, ticket.id, ticket.customer_id, principal().actor)
        return repairs.shown(uow, repair)

    return create(repairs.Repair, work)


@blp.route(f"/{REF}/repairs/<string(maxlength=40):repair>", methods=["DELETE"])
@allow("tickets.write")
@blp.response(204)
def unlink_repair(ref, repair):
    """Take a repair out of the ticket"""
    with here().units() as uow:
        ticket = service.by_ref(uow, ref)
        row = repair_service.find(uow, Address(ref=repair))
        links.unlink(uow, row, ticket.id, principal().actor)
