"""What is said and done in a ticket is carried on: into its conversations, and to what we know of
their addresses. Only outbox rows.
"""

from __future__ import annotations

from chatwoot.owing import owe_message, owe_note, owe_status_sync
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.models import Customer
from crm.mailboxes import service as mailboxes
from crm.tickets import queries as tickets
from crm.tickets.events import MessageReceived, TicketStatusChanged
from crm.tickets.models import AuthorKind, Conversation, TicketMessage

MAIL_INBOX = "Channel::Email"


def table() -> Reactions:
    return {
        MessageReceived: (post, hear_by_mail),
        TicketStatusChanged: (carry_status,),
    }


def post(uow: UnitOfWork, event: MessageReceived) -> None:
    """A message written through our own API goes into the ticket's latest conversation.

    What a customer said elsewhere is only kept: it is no news to them.
    """
    message = uow.session.get_one(TicketMessage, event.message_id)
    if message.external_id is not None or message.author_kind == AuthorKind.CUSTOMER:
        return
    target = tickets.latest_conversation(uow, event.subject_id)
    if target is None:
        return
    owe = owe_note if message.private else owe_message
    message.effect_key = f"ticket-message:{message.id}"
    owe(uow, target.account_id, target.number, message.effect_key, message.body)


def hear_by_mail(uow: UnitOfWork, event: MessageReceived) -> None:
    """Who writes an e-mail can get one."""
    if event.private or event.author_kind != AuthorKind.CUSTOMER:
        return
    message = uow.session.get_one(TicketMessage, event.message_id)
    conversation = uow.session.get(Conversation, message.conversation_id or 0)
    if conversation is None or conversation.channel != MAIL_INBOX:
        return
    customer = uow.session.get_one(Customer, conversation.customer_id)
    if customer.email:
        mailboxes.heard(uow, customer.email, "they wrote an e-mail")


def carry_status(uow: UnitOfWork, event: TicketStatusChanged) -> None:
    """Staff changed it here; what came from Chatwoot needs no way back."""
    if event.actor.kind != "staff":
        return
    for conversation in tickets.conversations(uow, [event.subject_id])[event.subject_id]:
        owe_status_sync(uow, conversation.id)
