"""Carrying out syncs in Chatwoot: each reads our present state and makes the other side look like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from chatwoot import context
from chatwoot.client import Client
from chatwoot.models import ContactMirror
from chatwoot.names import status_labels
from crm import threads
from crm.billing import standing
from crm.bookings import queries as bookings
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.customers.models import Customer
from crm.tickets.models import Conversation, Ticket, TicketStatus

REMEMBERED_WRITES = 8  # how many label sets of ours may still be on their way back to us


class SyncContact(PlainDeliverer):
    """Write the contact attributes that changed since we last wrote."""

    def __init__(self, client: Client, units: Units, shop: Shop):
        self._client = client
        self._units = units
        self._shop = shop

    def deliver(self, effect: Effect) -> dict[str, Any]:
        account_id, contact_id = effect.body["account_id"], effect.body["contact_id"]
        with self._units() as uow:
            wanted = self._wanted(uow, account_id, contact_id)
            if wanted is None:
                return {"pushed": {}}
            mirror = uow.session.get(ContactMirror, (account_id, contact_id))
            pushed = mirror.pushed if mirror else {}
        changed = {k: v for k, v in wanted.items() if v is not None and pushed.get(k) != v}
        gone = [k for k, v in wanted.items() if v is None and pushed.get(k) is not None]
        if changed:
            self._client.update_contact(contact_id, custom_attributes=changed)
        if gone:
            self._client.destroy_contact_attributes(contact_id, gone)
        return {"pushed": {k: v for k, v in wanted.items() if v is not None}}

    def _wanted(self, uow: UnitOfWork, account_id: int, contact_id: int) -> dict[str, Any] | None:
        """None when the contact's conversations have gone over to another one meanwhile."""
        customer = uow.session.scalars(
            select(Customer)
            .join(Conversation, Conversation.customer_id == Customer.id)
            .where(Conversation.account_id == account_id, Conversation.contact_id == contact_id)
            .order_by(Conversation.id.desc())
            .limit(1)
        ).first()
        if customer is None:
            return None
        repairs = threads.repairs_of_contact(uow, account_id, contact_id, customer.id)
        still_open = standing.of_repairs(uow, repairs, customer.locale or self._shop.locale)
        return context.contact_attributes(self._shop, customer, repairs, still_open)

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        values = {
            "account_id": effect.body["account_id"],
            "contact_id": effect.body["contact_id"],
            "pushed": result["pushed"],
            "pushed_at": uow.now,
        }
        uow.session.execute(
            insert(ContactMirror)
            .values(**values)
            .on_conflict_do_update(index_elements=["account_id", "contact_id"], set_=values)
        )


class SyncConversation(PlainDeliverer):
    """Make attributes and labels of a conversation ours, leaving everybody else's alone.

    Chatwoot replaces the whole set: read, change ours, write (api.md 3.2).
    """

    def __init__(self, client: Client, units: Units):
        self._client = client
        self._units = units

    def deliver(self, effect: Effect) -> dict[str, Any]:
        with self._units() as uow:
            row = uow.session.get_one(Conversation, effect.body["conversation_id"])
            number = row.number
        present = self._client.conversation(number)
        with self._units() as uow:
            row = uow.session.get_one(
                Conversation, effect.body["conversation_id"], with_for_update=True
            )
            repairs = threads.repairs_of_ticket(uow, row.ticket_id)
            ticket = uow.session.get_one(Ticket, row.ticket_id)
            ours = context.conversation_attributes(
                ticket, repairs, bookings.of_conversation(uow, row.id)
            )
            still_open = standing.of_repairs(uow, repairs, None)
            labels = context.merged_labels(present.labels, repairs, still_open)
            # Noted before the write, so that its echo is not taken for an agent's wish.
            row.labels = labels
            row.written_labels = [*row.written_labels, status_labels(labels)][-REMEMBERED_WRITES:]
        attributes = context.merged_attributes(present.custom_attributes, ours)
        # Labels first: an echo that still lacks them would read as if somebody took them away.
        if set(labels) != set(present.labels):
            self._client.set_labels(number, labels)
        if attributes != present.custom_attributes:
            self._client.set_conversation_attributes(number, attributes)
        return {}


class SyncStatus(PlainDeliverer):
    """Carry a ticket status that staff set here over to the conversation."""

    _TARGET = {
        TicketStatus.RESOLVED: "resolved",
        TicketStatus.CLOSED: "resolved",
        TicketStatus.OPEN: "open",
        TicketStatus.IN_PROGRESS: "open",
    }

    def __init__(self, client: Client, units: Units):
        self._client = client
        self._units = units

    def deliver(self, effect: Effect) -> dict[str, Any]:
        with self._units() as uow:
            row = uow.session.get_one(Conversation, effect.body["conversation_id"])
            ticket = uow.session.get_one(Ticket, row.ticket_id)
            target, number = self._TARGET.get(TicketStatus(ticket.status)), row.number
        if target and self._client.conversation(number).status != target:
            self._client.toggle_status(number, target)
        return {}


class Refresh(PlainDeliverer):
    """Read one conversation again and put what is new to us into the inbox."""

    def __init__(self, read: Callable[[int, int | None], int]):
        self._read = read

    def deliver(self, effect: Effect) -> dict[str, Any]:
        return {"found": self._read(effect.body["number"], effect.body["message_id"])}
