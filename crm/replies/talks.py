"""What a message is heard in: whose talk it is, which repairs may be meant, what was chosen last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, union

from crm import threads
from crm.core.uow import UnitOfWork
from crm.customers.models import EMAIL, CustomerKey
from crm.customers.rules import email_key
from crm.notifications.models import Notification
from crm.repairs.models import Repair, TicketRepair
from crm.replies import rules
from crm.replies.models import RepairFocus, RepairQuestion
from crm.replies.rules import Candidate, Focus, Heard, Meaning, Nothing
from crm.texting.models import CHANNELS as TEXTING
from crm.tickets.models import Conversation, Ticket, TicketMessage

MOST_REPAIRS = 50
CHATWOOT = "chatwoot"
MAIL_CHANNEL = "Channel::Email"
# Whoever opens a page may say in these that they are somebody else (chatwoot/webhooks.md, 9).
UNPROVEN_CHANNELS = ("Channel::WebWidget", "Channel::Api", "")


@dataclass(frozen=True)
class Talk:
    """conversation: None for text messages past Chatwoot. channel: where an answer would go, None
    where none can. ticket_id: None while the ticket of a text is not chosen yet."""

    customer_id: int
    conversation: Conversation | None
    ticket_id: int | None
    channel: str | None

    @property
    def is_proven(self) -> bool:
        """Whether the person is surely the customer."""
        one = self.conversation
        return one is None or one.is_verified or one.channel not in UNPROVEN_CHANNELS

    def of(self, table: type[RepairQuestion] | type[RepairFocus]) -> ColumnElement[bool]:
        """The condition that picks this talk's rows."""
        if self.conversation is not None:
            return table.conversation_id == self.conversation.id
        return (table.customer_id == self.customer_id) & table.conversation_id.is_(None)


def by_text(customer_id: int, channel: str) -> Talk:
    return Talk(customer_id, None, None, channel)


def in_conversation(conversation: Conversation) -> Talk:
    return Talk(conversation.customer_id, conversation, conversation.ticket_id, CHATWOOT)


def of_message(uow: UnitOfWork, message: TicketMessage) -> Talk:
    if message.conversation_id is not None:
        return in_conversation(uow.session.get_one(Conversation, message.conversation_id))
    ticket = uow.session.get_one(Ticket, message.ticket_id)
    via = message.details.get("via")
    return Talk(ticket.customer_id, None, ticket.id, via if via in TEXTING else None)


def understand(uow: UnitOfWork, talk: Talk, heard: Heard, *also: Repair) -> Meaning:
    """also: repairs that may be meant beside those of the customer and of the ticket."""
    known = {one.id: candidate(one) for one in (*repairs(uow, talk), *also)}
    if not known:
        return Nothing()
    question = open_question(uow, talk)
    asked = _ids(uow, question.options) if question is not None else ()
    return rules.meaning(heard, list(known.values()), _focus(uow, talk), asked)


def repairs(uow: UnitOfWork, talk: Talk) -> list[Repair]:
    """The customer's and those of the ticket, newest first."""
    theirs = select(Repair.id).where(Repair.customer_id == talk.customer_id)
    linked = select(TicketRepair.repair_id).where(TicketRepair.ticket_id == talk.ticket_id)
    # Two indexed sets joined: an OR over both would walk every repair there is.
    mine = select(Repair).where(Repair.id.in_(union(theirs, linked)))
    return list(uow.session.scalars(mine.order_by(Repair.id.desc()).limit(MOST_REPAIRS)))


def of_ticket(uow: UnitOfWork, talk: Talk) -> list[Repair]:
    return threads.repairs_of_ticket(uow, talk.ticket_id) if talk.ticket_id is not None else []


def by_ref(uow: UnitOfWork, ref: str) -> Repair | None:
    return uow.session.scalars(select(Repair).where(Repair.ref == ref)).first()


def candidate(repair: Repair) -> Candidate:
    is_open = threads.is_open(repair)
    return Candidate(repair.id, repair.ref, repair.device, is_open, repair.received_at)


def open_question(uow: UnitOfWork, talk: Talk) -> RepairQuestion | None:
    """The one that was asked last, while it waits for its answer."""
    latest = latest_question(uow, talk)
    return latest if latest is not None and latest.answered_at is None else None


def latest_question(uow: UnitOfWork, talk: Talk) -> RepairQuestion | None:
    """The one of the last 24 hours."""
    query = select(RepairQuestion).where(
        talk.of(RepairQuestion), RepairQuestion.asked_at > uow.now - rules.ANSWER_LASTS
    )
    return uow.session.scalars(query.order_by(RepairQuestion.id.desc()).limit(1)).first()


def _focus(uow: UnitOfWork, talk: Talk) -> Focus | None:
    query = select(RepairFocus).where(
        talk.of(RepairFocus), RepairFocus.chosen_at > uow.now - rules.FOCUS_LASTS
    )
    latest = uow.session.scalars(query.order_by(RepairFocus.id.desc()).limit(1)).first()
    if latest is None:
        return None
    return Focus(latest.repair_id, latest.by_agent, latest.chosen_at)


def chosen(uow: UnitOfWork, talk: Talk) -> Repair | None:
    """The repair a talk is about by somebody's word: an agent's, or the customer's while it is open."""
    focus = _focus(uow, talk)
    if focus is None or focus.repair_id is None:
        return None
    repair = uow.session.get_one(Repair, focus.repair_id)
    return repair if focus.by_agent or threads.is_open(repair) else None


def heard(uow: UnitOfWork, message: TicketMessage) -> Heard:
    mail = message.details.get("mail") or {}
    return Heard(
        message.body,
        mail.get("subject") or "",
        quoted_repair(uow, message),
        bool(message.attachments) or bool(message.details.get("media")),
    )


def quoted_repair(uow: UnitOfWork, message: TicketMessage) -> int | None:
    """The repair that the quoted message was about, in the same conversation or by our own number."""
    quoted = message.details.get("in_reply_to")
    if isinstance(quoted, int) and message.conversation_id is not None:
        return _of_quoted(uow, message.conversation_id, quoted)
    mail = message.details.get("mail") or {}
    return of_names(uow, (message.details.get("quoted"), *mail.get("answers", ())))


def of_names(uow: UnitOfWork, names: Iterable[Any]) -> int | None:
    """The repair told about in the message that a channel knows by one of these names."""
    told = [name for name in names if name and isinstance(name, str)]
    if not told:
        return None
    query = select(Notification.repair_id).where(
        Notification.external_id.in_(told), Notification.repair_id.is_not(None)
    )
    return uow.session.scalar(query.order_by(Notification.id.desc()).limit(1))


def named_by_mail(uow: UnitOfWork, heard: Heard) -> Repair | None:
    """The repair a mail names by reference or by what it answers, whosever it is."""
    refs = rules.read_refs(heard.words) or rules.read_refs(heard.subject)
    if len(refs) == 1:
        return by_ref(uow, refs[0])
    return uow.session.get(Repair, heard.quoted) if heard.quoted is not None else None


def is_from(uow: UnitOfWork, message: TicketMessage, customer_id: int | None) -> bool:
    """Whether a mail came from an address that this customer has proven."""
    sender = (message.details.get("mail") or {}).get("from") or ""
    if customer_id is None or "@" not in sender:
        return False
    theirs = select(CustomerKey.id).where(
        CustomerKey.customer_id == customer_id,
        CustomerKey.kind == EMAIL,
        CustomerKey.value == email_key(sender, proven=True).value,
        CustomerKey.is_proven,
    )
    return uow.session.scalar(theirs) is not None


def _of_quoted(uow: UnitOfWork, conversation_id: int, number: int) -> int | None:
    quoted = uow.session.scalars(
        select(TicketMessage).where(
            TicketMessage.external_id == f"chatwoot:{number}",
            TicketMessage.conversation_id == conversation_id,
        )
    ).first()
    if quoted is None:
        return None
    if ref := quoted.details.get("repair"):
        repair = by_ref(uow, ref)
        return repair.id if repair is not None else None
    if not quoted.effect_key:
        return None
    query = select(Notification.repair_id).where(
        Notification.event_key.in_(Notification.event_keys(quoted.effect_key)),
        Notification.repair_id.is_not(None),
    )
    return uow.session.scalar(query)


def _ids(uow: UnitOfWork, refs: Sequence[str]) -> tuple[int, ...]:
    """In the order of the references."""
    rows = uow.session.execute(select(Repair.ref, Repair.id).where(Repair.ref.in_(refs)))
    found = {ref: number for ref, number in rows}
    return tuple(found[ref] for ref in refs if ref in found)
