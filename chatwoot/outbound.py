"""Effects in Chatwoot: who owes them (`owe_*`) and how each is carried out.

Sends: `chatwoot.message`, `chatwoot.note`, `chatwoot.handoff`. Syncs: `chatwoot.contact` (attributes),
`chatwoot.conversation` (attributes and labels), `chatwoot.status`, `chatwoot.refresh` (read it again).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert

from chatwoot import context
from chatwoot.client import Client
from chatwoot.liquid import escape_liquid
from chatwoot.models import ContactMirror
from chatwoot.names import status_labels
from crm import threads
from crm.bookings import queries as bookings
from crm.core import outbox
from crm.core.integration import Deliverer
from crm.core.outbox import SEND, Effect, OutboxRow
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications.models import NotificationState
from crm.tickets.models import Conversation, Ticket, TicketStatus

REMEMBERED_WRITES = 8  # how many label sets of ours may still be on their way back to us
HANDOFF_DEADLINE = timedelta(hours=24)


def _lane(account_id: int, number: int) -> str:
    return f"chatwoot:{account_id}:{number}"


def owe_message(
    uow: UnitOfWork,
    account_id: int,
    number: int,
    effect_key: str,
    text: str,
    *,
    hold: timedelta = timedelta(),
    deadline: timedelta | None = None,
) -> None:
    body = {"account_id": account_id, "number": number, "content": text, "private": False}
    outbox.send(uow, "chatwoot.message", effect_key, body, lane=_lane(account_id, number),
                hold=hold, deadline=deadline)  # fmt: skip


def owe_note(uow: UnitOfWork, account_id: int, number: int, effect_key: str, text: str) -> None:
    """Notes have a lane of their own: an answer to an agent does not wait for a customer's message."""
    body = {"account_id": account_id, "number": number, "content": text, "private": True}
    outbox.send(uow, "chatwoot.note", effect_key, body, lane=_lane(account_id, number) + ":notes")


def owe_handoff(uow: UnitOfWork, account_id: int, number: int, message_id: int) -> None:
    body = {"account_id": account_id, "number": number}
    outbox.send(uow, "chatwoot.handoff", f"handoff:{number}:{message_id}", body,
                lane=_lane(account_id, number) + ":handoff", deadline=HANDOFF_DEADLINE)  # fmt: skip


def owe_contact_sync(uow: UnitOfWork, account_id: int, contact_id: int) -> None:
    body = {"account_id": account_id, "contact_id": contact_id}
    outbox.sync(uow, "chatwoot.contact", f"{account_id}:{contact_id}", body)


def owe_conversation_sync(uow: UnitOfWork, conversation_id: int) -> None:
    outbox.sync(uow, "chatwoot.conversation", str(conversation_id), {"conversation_id": conversation_id})


def owe_status_sync(uow: UnitOfWork, conversation_id: int) -> None:
    outbox.sync(uow, "chatwoot.status", str(conversation_id), {"conversation_id": conversation_id})


def owe_refresh(
    uow: UnitOfWork, account_id: int, number: int, *, message_id: int | None = None
) -> None:
    """message_id: a message that changed, to be read again although it may be an old one."""
    body = {"account_id": account_id, "number": number, "message_id": message_id}
    outbox.sync(uow, "chatwoot.refresh", f"{account_id}:{number}:{message_id or ''}", body)


def was_owed(uow: UnitOfWork, effect_key: str) -> bool:
    """Whether this is the key of a send of ours."""
    owed = select(exists().where(OutboxRow.effect_key == effect_key, OutboxRow.mode == SEND))
    return bool(uow.session.execute(owed).scalar())


class _Quiet:
    """What most effects need: nothing noted before, nothing done after."""

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        return {}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        """Repeating it is harmless, so it counts as not there."""
        return None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        return None

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        return None


class SendMessage(_Quiet):
    """A message to the customer or a note for agents; its words were frozen when it was owed."""

    def __init__(self, client: Client):
        self._client = client

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        known = uow.session.execute(
            select(Conversation.last_message_id, Conversation.channel).where(
                Conversation.account_id == effect.body["account_id"],
                Conversation.number == effect.body["number"],
            )
        ).first()
        after_id, channel = known or (0, "")
        return {"after_id": after_id, "channel": channel}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        message = self._client.create_message(
            effect.body["number"],
            escape_liquid(effect.body["content"]),
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            private=effect.body["private"],
        )
        return {"message_id": message.id}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        message = self._client.find_message(
            effect.body["number"],
            effect.context["after_id"],
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            content=escape_liquid(effect.body["content"]),
            private=effect.body["private"],
            not_before=effect.first_tried_at,
        )
        return {"message_id": message.id} if message else None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        notifications.settle(uow, effect.effect_key, NotificationState.SENT)

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        notifications.settle(uow, effect.effect_key, NotificationState.FAILED, reason)


class HandOff(_Quiet):
    """Open a pending conversation for people; with the bot's token it counts as its hand-off."""

    def __init__(self, client: Client):
        self._client = client

    def deliver(self, effect: Effect) -> dict[str, Any]:
        number = effect.body["number"]
        if self._client.conversation(number).status == "pending":
            self._client.toggle_status(number, "open", as_bot=self._client.has_bot)
        return {}


class SyncContact(_Quiet):
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
        return context.contact_attributes(self._shop, customer, repairs)

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


class SyncConversation(_Quiet):
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
            labels = context.merged_labels(present.labels, repairs)
            # Noted before the write, so that its echo is not taken for an agent's wish.
            row.labels = labels
            row.written_labels = [*row.written_labels, status_labels(labels)][-REMEMBERED_WRITES:]
        attributes = context.merged_attributes(present.custom_attributes, ours)
        if attributes != present.custom_attributes:
            self._client.set_conversation_attributes(number, attributes)
        if set(labels) != set(present.labels):
            self._client.set_labels(number, labels)
        return {}


class SyncStatus(_Quiet):
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


class Refresh(_Quiet):
    """Read one conversation again and put what is new to us into the inbox."""

    def __init__(self, read: Callable[[int, int | None], int]):
        self._read = read

    def deliver(self, effect: Effect) -> dict[str, Any]:
        return {"found": self._read(effect.body["number"], effect.body["message_id"])}


def deliverers(
    client: Client, units: Units, shop: Shop, read: Callable[[int, int | None], int]
) -> dict[str, Deliverer]:
    """read: `reconcile.Reader.read`, given from outside because it fills the inbox."""
    message = SendMessage(client)
    return {
        "chatwoot.message": message,
        "chatwoot.note": message,
        "chatwoot.handoff": HandOff(client),
        "chatwoot.contact": SyncContact(client, units, shop),
        "chatwoot.conversation": SyncConversation(client, units),
        "chatwoot.status": SyncStatus(client, units),
        "chatwoot.refresh": Refresh(read),
    }
