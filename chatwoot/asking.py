"""The question which repair is meant, as Chatwoot shows it, and what agents hear of the answer."""

from __future__ import annotations

from sqlalchemy import select

from chatwoot.channel import ConversationChannel
from chatwoot.notes import Notes
from chatwoot.owing import owe_message
from crm.core.uow import Reactions, UnitOfWork
from crm.notifications import rulebook
from crm.notifications import service as notifications
from crm.notifications.models import Notification
from crm.repairs.models import Repair
from crm.replies import questions
from crm.replies.events import RepairAsked, RepairChosen, StrangersRepairNamed
from crm.replies.models import RepairQuestion
from crm.replies.rules import ANSWER_LASTS
from crm.tickets.models import Conversation, TicketMessage


class Asking:
    def __init__(self, notes: Notes):
        self._notes = notes

    def table(self) -> Reactions:
        return {
            RepairAsked: (self.ask,),
            RepairChosen: (self.note_choice,),
            StrangersRepairNamed: (self.note_stranger,),
        }

    def ask(self, uow: UnitOfWork, event: RepairAsked) -> None:
        """The question goes where the customer wrote; with buttons where Chatwoot can show them."""
        question = uow.session.get_one(RepairQuestion, event.question_id)
        if question.conversation_id is None:
            return
        conversation = uow.session.get_one(Conversation, question.conversation_id)
        asked = uow.session.scalars(
            select(Notification).where(Notification.event_key == question.event_key)
        ).one()
        if not rulebook.rule_for(uow, asked.template, asked.locale).is_on:
            return  # the router skips it, and says why
        values = (*question.options, questions.SOMETHING_ELSE)
        buttons = [
            {"title": line, "value": value}
            for line, value in zip(question.lines, values, strict=True)
        ]
        notifications.queued(
            asked, ConversationChannel.name, f"asked in conversation {conversation.number}"
        )
        owe_message(
            uow,
            conversation.account_id,
            conversation.number,
            asked.effect_key,
            asked.body,
            deadline=ANSWER_LASTS,
            items=buttons if questions.is_menu(conversation) else (),
        )

    def note_choice(self, uow: UnitOfWork, event: RepairChosen) -> None:
        """In the thread where it was asked, else in the latest of the ticket."""
        question = uow.session.get_one(RepairQuestion, event.question_id)
        conversation = uow.session.scalars(
            select(Conversation)
            .where(Conversation.ticket_id == event.subject_id)
            .order_by(
                (Conversation.id == question.conversation_id).desc().nulls_last(),
                Conversation.last_activity_at.desc(),
            )
            .limit(1)
        ).first()
        if conversation is None:
            return
        chosen = uow.session.get(Repair, question.repair_id) if question.repair_id else None
        values = self._notes.of_repair(chosen) | {"count": event.count}
        key = f"note:chosen:{question.id}"
        self._notes.write(uow, conversation, key, "repair_chosen", values)

    def note_stranger(self, uow: UnitOfWork, event: StrangersRepairNamed) -> None:
        message = uow.session.get_one(TicketMessage, event.message_id)
        conversation = uow.session.get_one(Conversation, message.conversation_id)
        values = self._notes.of_repair(uow.session.get_one(Repair, event.repair_id))
        key = f"note:stranger:{message.id}"
        self._notes.write(uow, conversation, key, "strangers_repair", values)
