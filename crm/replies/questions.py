"""Asking a customer which of their repairs they mean, and taking the answer.

Sending it is left to the channel where the customer wrote; `crm/routing.py` decides on it as on
every message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select

from crm.core.events import SYSTEM, Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs.models import Repair, TicketRepair
from crm.replies import focusing, talks, words
from crm.replies.events import RepairChosen
from crm.replies.models import KEY, RepairQuestion
from crm.replies.rules import ANSWER_LASTS, MeantBy
from crm.replies.talks import Talk
from crm.tickets.models import AuthorKind, Conversation, Ticket, TicketMessage

TEMPLATE = "which_repair"
MOST_OPTIONS = 5
SOMETHING_ELSE = "something_else"
FRESH = timedelta(hours=1)  # a question about older words comes out of the blue
AGENT_IS_HERE = timedelta(minutes=15)
LONGEST_DEVICE = 40


def ask(
    uow: UnitOfWork, shop: Shop, talk: Talk, message: TicketMessage, repair_ids: Sequence[int]
) -> None:
    """Ask once in 24 hours; a message that comes meanwhile waits for the same answer."""
    question = talks.latest_question(uow, talk)
    if question is None:
        options = _options(uow, talk, repair_ids)
        if len(options) < 2 or not _may_ask(uow, talk, message):
            return
        question = _put(uow, shop, talk, options)
    if question.answered_at is None:
        message.details = {**message.details, "question": question.id}


def answer(uow: UnitOfWork, question: RepairQuestion, repair: Repair | None) -> None:
    """The first answer counts; it holds for every message that waited, and for those to come."""
    if question.answered_at is not None:
        return
    question.answered_at = uow.now
    question.repair_id = repair.id if repair is not None else None
    customer = uow.session.get_one(Customer, question.customer_id)
    actor = Actor("customer", customer.name, customer.ref)
    waiting = list(uow.session.scalars(
        select(TicketMessage)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(
            Ticket.customer_id == question.customer_id,
            TicketMessage.details["question"].astext == str(question.id),
        )
        .order_by(TicketMessage.id)
        .with_for_update(of=TicketMessage)
    ))  # fmt: skip
    for message in waiting:
        focusing.bind(message, repair, MeantBy.ANSWER)
    if repair is not None:
        focusing.remember(
            uow, question.customer_id, question.conversation_id, repair.id, actor, by_agent=False
        )
    ticket_id = _ticket_id(uow, question, waiting)
    if ticket_id is not None:
        uow.record(RepairChosen(ticket_id, actor, question.id, len(waiting)))


def answered_by_button(uow: UnitOfWork, message: TicketMessage, values: Any) -> None:
    """message: ours that asked. values: `submitted_values` as the visitor's browser sent them."""
    chosen = values[0] if isinstance(values, list) and values else values
    value = chosen.get("value") if isinstance(chosen, dict) else None
    question_id = _question_id(message.effect_key or "")
    if not isinstance(value, str) or question_id is None:
        return
    question = uow.session.get(RepairQuestion, question_id, with_for_update=True)
    if question is None or question.conversation_id != message.conversation_id:
        return
    if value == SOMETHING_ELSE:
        answer(uow, question, None)
    elif value in question.options:
        answer(uow, question, talks.by_ref(uow, value))


def of_text(uow: UnitOfWork, talk: Talk) -> RepairQuestion | None:
    """The question that words answer, locked."""
    question = talks.open_question(uow, talk)
    if question is not None:
        uow.session.refresh(question, with_for_update=True)
    return question


def _put(uow: UnitOfWork, shop: Shop, talk: Talk, options: list[Repair]) -> RepairQuestion:
    customer = uow.session.get_one(Customer, talk.customer_id)
    locale = texts.closest(customer.locale, shop.locale)
    question = RepairQuestion(
        customer_id=talk.customer_id,
        conversation_id=talk.conversation.id if talk.conversation else None,
        channel=talk.channel,
        options=[one.ref for one in options],
        lines=_lines(options, locale),
        asked_at=uow.now,
    )
    uow.session.add(question)
    uow.session.flush()
    values = {"shop": shop.name, "lines": [] if is_menu(talk.conversation) else question.lines}
    notifications.compose(
        uow,
        question.event_key,
        TEMPLATE,
        texts.render(locale, TEMPLATE, "chat", values),
        locale=locale,
        customer_id=talk.customer_id,
        repair_id=None,
        hold=timedelta(),
        actor=SYSTEM,
        deadline_at=uow.now + ANSWER_LASTS,
        values=values,
        conversation_id=question.conversation_id,
        only=talk.channel,
    )
    return question


def buttons(uow: UnitOfWork, event_key: str, conversation: Conversation) -> list[dict[str, str]]:
    """Title and value of each, of the message told under this key; none where it has none."""
    question_id = _question_id(event_key)
    if question_id is None or not is_menu(conversation):
        return []
    question = uow.session.get_one(RepairQuestion, question_id)
    values = (*question.options, SOMETHING_ELSE)
    pairs = zip(question.lines, values, strict=True)
    return [{"title": line, "value": value} for line, value in pairs]


def is_menu(conversation: Conversation | None) -> bool:
    """Whether the question can be shown with buttons; else it is a numbered list."""
    return conversation is not None and conversation.channel == "Channel::WebWidget"


def _lines(options: list[Repair], locale: str) -> list[str]:
    """Device and status, with the reference where two devices are called the same."""
    names = Counter(one.device for one in options)
    lines = []
    for one in options:
        device = one.device[:LONGEST_DEVICE].strip() or one.ref
        if one.device and names[one.device] > 1:
            device = f"{device} ({one.ref})"
        lines.append(f"{device}: {words.status_words(locale, one.status)}")
    return [*lines, words.status_words(locale, SOMETHING_ELSE)]


def _options(uow: UnitOfWork, talk: Talk, repair_ids: Sequence[int]) -> list[Repair]:
    """Those that may be shown, the latest news first: a stranger learns only what is in the thread."""
    query = select(Repair).where(Repair.id.in_(repair_ids))
    if not talk.is_proven:
        told = select(TicketRepair.repair_id).where(TicketRepair.ticket_id == talk.ticket_id)
        query = query.where(Repair.id.in_(told))
    latest = query.order_by(Repair.updated_at.desc(), Repair.id.desc()).limit(MOST_OPTIONS)
    return list(uow.session.scalars(latest))


def _may_ask(uow: UnitOfWork, talk: Talk, message: TicketMessage) -> bool:
    """Never into a bot's conversation, nor where an agent is already answering."""
    if talk.channel is None or message.created_at < uow.now - FRESH:
        return False
    one = talk.conversation
    if one is not None and (one.status == "pending" or not one.can_reply):
        return False
    agent_is_here = select(
        exists().where(
            TicketMessage.ticket_id == message.ticket_id,
            TicketMessage.author_kind == AuthorKind.AGENT,
            TicketMessage.private.is_(False),
            TicketMessage.created_at > message.created_at - AGENT_IS_HERE,
        )
    )
    return not uow.session.execute(agent_is_here).scalar()


def _question_id(key: str) -> int | None:
    """Which question was asked under this key, of a message or of an effect; None when it was
    something else. What stands behind the number tells of another turn, or that it was sent again.
    """
    number = key.removeprefix(KEY).partition(":")[0]
    return int(number) if key.startswith(KEY) and number.isdecimal() else None


def _ticket_id(
    uow: UnitOfWork, question: RepairQuestion, waiting: list[TicketMessage]
) -> int | None:
    if question.conversation_id is not None:
        return uow.session.get_one(Conversation, question.conversation_id).ticket_id
    return waiting[-1].ticket_id if waiting else None
