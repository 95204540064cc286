"""Hears "write no more" and "write again" where a customer writes from a telephone.

Which words mean it is told by `crm/texting`; whether "cancel" is one of them or about a booking is
decided in `crm/assents`. Who never was a customer is heard in `crm/incoming.py`.
"""

from __future__ import annotations

from sqlalchemy import select

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.replies.events import WishHeard
from crm.texting import numbers, words
from crm.texting.models import CHANNELS
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind, Conversation, Ticket, TicketMessage

OPT_OUT = "opt_out"  # beside a message: what its carrier took it for, `stop` or `start`


def hear(uow: UnitOfWork, event: MessageReceived) -> None:
    """A message that is such a wish is obeyed, and no answer to anything."""
    if event.private or event.author_kind != AuthorKind.CUSTOMER:
        return
    message = uow.session.get_one(TicketMessage, event.message_id)
    number = message.details.get("number")
    if not number:
        return
    said = numbers.wish(uow, number, message.body)
    wish = said if said == words.CANCEL else message.details.get(OPT_OUT, said)
    if wish in (words.STOP, words.START):
        obey(uow, message, wish, event.actor)


def obey(
    uow: UnitOfWork, message: TicketMessage, wish: str, actor: Actor, *, in_doubt: bool = False
) -> None:
    """message: from a telephone. in_doubt: only where its carrier has stopped already."""
    message.details = {**message.details, "wish": wish}
    if _is_overtaken(uow, message):
        return
    number, via = message.details["number"], message.details.get("via")
    reason = f"they wrote so by {via}" if via else "they wrote so in the chat"
    if wish == words.START:
        numbers.start(uow, number, reason)
    else:
        numbers.stop(uow, number, reason, (via,) if in_doubt else CHANNELS)
    customer_id = uow.session.get_one(Ticket, message.ticket_id).customer_id
    uow.record(WishHeard(customer_id, actor, message.id, wish, in_doubt))


def is_wish(message: TicketMessage) -> bool:
    return "wish" in message.details


def has_stopped(uow: UnitOfWork, conversation: Conversation) -> bool:
    """Whether the telephone on which this conversation ends wants no messages."""
    number = uow.session.scalar(
        select(TicketMessage.details["number"].astext)
        .where(
            TicketMessage.ticket_id == conversation.ticket_id,
            TicketMessage.conversation_id == conversation.id,
            TicketMessage.details.has_key("number"),
        )
        .order_by(TicketMessage.created_at.desc(), TicketMessage.id.desc())
        .limit(1)
    )
    if number is None:
        number = uow.session.get_one(Customer, conversation.customer_id).phone
    return number is not None and numbers.is_stopped(uow, number)


def _is_overtaken(uow: UnitOfWork, message: TicketMessage) -> bool:
    """Whether they have said otherwise since: a lost message may be read back late."""
    later = select(TicketMessage.id).where(
        TicketMessage.ticket_id == message.ticket_id,
        TicketMessage.conversation_id == message.conversation_id,
        TicketMessage.created_at > message.created_at,
        TicketMessage.details.has_key("wish"),
    )
    return uow.session.scalar(later.limit(1)) is not None
