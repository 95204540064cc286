"""What agents hear in the thread of what a customer means: which repair, and whether to write at all."""

from __future__ import annotations

from chatwoot.notes import Notes
from crm.core.uow import Reactions, UnitOfWork
from crm.repairs.models import Repair
from crm.replies.events import RepairChosen, StrangersRepairNamed, WishHeard
from crm.replies.models import RepairQuestion
from crm.tickets import queries as tickets
from crm.tickets.models import Conversation, TicketMessage


class MeaningNotes:
    def __init__(self, notes: Notes):
        self._notes = notes

    def table(self) -> Reactions:
        return {
            RepairChosen: (self.note_choice,),
            StrangersRepairNamed: (self.note_stranger,),
            WishHeard: (self.note_wish,),
        }

    def note_choice(self, uow: UnitOfWork, event: RepairChosen) -> None:
        """In the thread where it was asked, else in the latest of the ticket."""
        question = uow.session.get_one(RepairQuestion, event.question_id)
        conversation = self._of(uow, event.subject_id, question.conversation_id)
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

    def note_wish(self, uow: UnitOfWork, event: WishHeard) -> None:
        """Where it was written; of a text, in the latest conversation of its ticket."""
        message = uow.session.get_one(TicketMessage, event.message_id)
        conversation = self._of(uow, message.ticket_id, message.conversation_id)
        if conversation is not None:
            values = {"wish": event.wish, "in_doubt": event.in_doubt}
            self._notes.write(uow, conversation, f"note:wish:{message.id}", "wish", values)

    def _of(
        self, uow: UnitOfWork, ticket_id: int, conversation_id: int | None
    ) -> Conversation | None:
        """This conversation, else the latest of the ticket."""
        if conversation_id is not None:
            return uow.session.get_one(Conversation, conversation_id)
        return tickets.latest_conversation(uow, ticket_id)
