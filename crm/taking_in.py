"""Taking in a repair: whose it is, where it is talked about, and the repair itself.

Joins customers, tickets and repairs; the API and shop systems end here. Who may report what, and
what a second report of a known repair means, is left to them.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.service import Person
from crm.repairs import links
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.tickets import service as tickets
from crm.tickets.models import Conversation, Ticket


def talked_about(
    uow: UnitOfWork, account_id: int, *, ticket: str | None, conversation: int | None
) -> Ticket | None:
    """The ticket named by its reference, or by a Chatwoot conversation's number. Raises NotFound."""
    if ticket:
        return tickets.by_ref(uow, ticket)
    if not conversation:
        return None
    found = uow.session.scalars(
        select(Ticket)
        .join(Conversation, Conversation.ticket_id == Ticket.id)
        .where(Conversation.account_id == account_id, Conversation.number == conversation)
    ).first()
    if found is None:
        raise NotFound(f"no conversation {conversation}")
    return found


def take_in(
    uow: UnitOfWork,
    new: NewRepair,
    actor: Actor,
    *,
    by_staff: bool,
    person: Person | None = None,
    ticket: Ticket | None = None,
) -> Repair:
    """The repair, linked to its ticket.

    Its customer is the one `new` names, else `person`, else the ticket's.
    """
    customer_id = new.customer_id
    if customer_id is None and person is not None:
        customer_id = customers.recognise(uow, person, actor).id
    if customer_id is None and ticket is not None:
        customer_id = ticket.customer_id
    new = replace(new, customer_id=customer_id)
    repair = open_repair(uow, new, actor, by_staff=by_staff)
    if ticket is not None:
        links.link(uow, repair, ticket.id, ticket.customer_id, actor)
    return repair
