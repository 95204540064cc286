"""Hears every message of a customer and keeps with it which repair it is about."""

from __future__ import annotations

from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.repairs import links
from crm.repairs.models import Repair
from crm.replies import focusing, questions, talks, wishes
from crm.replies.events import StrangersRepairNamed
from crm.replies.rules import Ask, Heard, Meant, MeantBy
from crm.replies.talks import MAIL_CHANNEL, Talk
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind, TicketMessage


class Meanings:
    def __init__(self, shop: Shop):
        self._shop = shop

    def consider(self, uow: UnitOfWork, event: MessageReceived) -> None:
        """Understand a message, bind it, and ask where it could mean several repairs."""
        if event.private or event.author_kind != AuthorKind.CUSTOMER:
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        if wishes.is_wish(message):
            return
        talk = talks.of_message(uow, message)
        if "meant_by" not in message.details and "repair" not in message.details:
            self._understand(uow, talk, message, event.actor)
        by, ref = message.details.get("meant_by"), message.details.get("repair")
        if by in (MeantBy.ANSWER, MeantBy.REFERENCE):
            question = questions.of_text(uow, talk)
            # A reference may also be of a repair that was not asked about.
            if question is not None and (by == MeantBy.ANSWER or ref in question.options):
                questions.answer(uow, question, repair_of(uow, message))

    def _understand(
        self, uow: UnitOfWork, talk: Talk, message: TicketMessage, actor: Actor
    ) -> None:
        heard = talks.heard(uow, message)
        named = self._named_by_mail(uow, talk, message, heard, actor)
        meaning = talks.understand(uow, talk, heard, *([named] if named is not None else []))
        if isinstance(meaning, Meant):
            repair = uow.session.get_one(Repair, meaning.repair_id) if meaning.repair_id else None
            focusing.bind(message, repair, meaning.by)
        elif isinstance(meaning, Ask):
            questions.ask(uow, self._shop, talk, message, meaning.repair_ids)

    def _named_by_mail(
        self, uow: UnitOfWork, talk: Talk, message: TicketMessage, heard: Heard, actor: Actor
    ) -> Repair | None:
        """The repair that a mail names, linked to its thread when the customer's own address wrote.

        An answer by mail often opens a new conversation, of somebody Chatwoot has not seen before.
        """
        if talk.conversation is None or talk.conversation.channel != MAIL_CHANNEL:
            return None
        named = talks.named_by_mail(uow, heard)
        if named is None or named.id in {one.id for one in talks.of_ticket(uow, talk)}:
            return named
        is_theirs = named.customer_id == talk.customer_id
        if is_theirs or talks.is_from(uow, message, named.customer_id):
            links.link(uow, named, message.ticket_id, talk.customer_id, actor)
            return named
        uow.record(StrangersRepairNamed(message.ticket_id, actor, message.id, named.id))
        return None


def repair_of(uow: UnitOfWork, message: TicketMessage) -> Repair | None:
    """The repair a message was bound to."""
    ref = message.details.get("repair")
    return talks.by_ref(uow, ref) if ref else None
