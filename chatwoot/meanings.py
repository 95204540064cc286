"""What agents hear in the thread of which repair is meant."""

from __future__ import annotations

from sqlalchemy import select

from chatwoot.notes import Notes
from crm.core.uow import Reactions, UnitOfWork
from crm.repairs.models import Repair
from crm.replies.events import RepairChosen, StrangersRepairNamed
from crm.replies.models import RepairQuestion
from crm.tickets.models import Conversation, TicketMessage


class MeaningNotes:
    def __init__(self, notes: Notes):
        self._notes = notes

    def table(self) -> Reactions:
        return {
            RepairChosen: (self.note_choice,),
            StrangersRepairNamed: (self.note_stranger,),
        }

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
