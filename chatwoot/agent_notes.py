"""What the shop's news tells agents: private notes in the conversation. Only outbox rows.

Their words are templates (`notes.py`); what stands beside the conversation is left to
`refreshing.py`, what customers read to `carrying.py`.
"""

from __future__ import annotations

from sqlalchemy import select

from chatwoot.channel import ConversationChannel
from chatwoot.notes import Notes
from chatwoot.owing import owe_status_sync
from crm import threads, writing
from crm.core.uow import Reactions, UnitOfWork
from crm.notifications import service as notifications
from crm.notifications.events import (
    NotificationFailed,
    NotificationSent,
    NotificationSkipped,
)
from crm.notifications.models import Notification
from crm.promises.events import PromiseAtRisk
from crm.promises.models import DelayAlert
from crm.repairs.events import RepairCorrected, RepairLinked, RepairNoted, RepairStatusChanged
from crm.repairs.models import Repair, RepairEntry, TicketRepair
from crm.tickets import queries as tickets
from crm.tickets.events import CustomerTexted, CustomerWrote
from crm.tickets.models import Conversation, TicketMessage


class AgentNotes:
    def __init__(self, notes: Notes):
        self._notes = notes

    def table(self) -> Reactions:
        return {
            RepairStatusChanged: (self.note_entry,),
            RepairCorrected: (self.note_entry,),
            RepairNoted: (self.note_entry,),
            PromiseAtRisk: (self.note_risk,),
            NotificationSent: (self.note_elsewhere,),
            NotificationFailed: (self.note_untold,),
            NotificationSkipped: (self.note_untold,),
            RepairLinked: (self.note_link, self.note_waiting_words),
            CustomerWrote: (self.note_writing,),
            CustomerTexted: (self.note_text,),
        }

    def note_entry(self, uow: UnitOfWork, event: RepairStatusChanged) -> None:
        """One private note for agents: what happened, by whom and why."""
        conversation = threads.conversation_for_repair(uow, event.subject_id)
        if conversation is None:
            return
        repair = uow.session.get_one(Repair, event.subject_id)
        entry = uow.session.get_one(RepairEntry, event.entry_id)
        told = uow.session.scalars(
            select(Notification).where(
                Notification.event_key == notifications.status_key(repair.id, entry.id)
            )
        ).first()
        values = self._notes.of_repair(repair) | {
            "outcome": entry.outcome,
            "before": entry.from_status,
            "after": entry.to_status,
            "actor": entry.actor_name,
            "actor_kind": entry.actor_kind,
            "note": entry.note,
            "internal_note": entry.internal_note,
            "reason": entry.reason,
            "details": entry.details,
            "hold_seconds": int((told.not_before - uow.now).total_seconds()) if told else 0,
        }
        self._notes.write(uow, conversation, f"note:entry:{entry.id}", "entry", values)

    def note_risk(self, uow: UnitOfWork, event: PromiseAtRisk) -> None:
        conversation = threads.conversation_for_repair(uow, event.subject_id)
        if conversation is None:
            return
        alert = uow.session.get_one(DelayAlert, event.alert_id)
        values = self._notes.of_repair(uow.session.get_one(Repair, event.subject_id)) | {
            "promised_on": alert.promised_on.isoformat(),
            "expected_on": alert.expected_on.isoformat(),
            "reason": alert.reason,
        }
        self._notes.write(uow, conversation, f"note:risk:{alert.id}", "promise_at_risk", values)

    def note_elsewhere(self, uow: UnitOfWork, event: NotificationSent) -> None:
        """What the customer got outside the thread, for whoever answers in it."""
        if event.channel != ConversationChannel.name:
            self._note_message(uow, event.subject_id, "told_elsewhere")

    def note_untold(self, uow: UnitOfWork, event: NotificationFailed | NotificationSkipped) -> None:
        self._note_message(uow, event.subject_id, "untold")

    def _note_message(self, uow: UnitOfWork, notification_id: int, template: str) -> None:
        notification = uow.session.get_one(Notification, notification_id)
        if notification.repair_id is None:
            return
        conversation = threads.conversation_for_repair(uow, notification.repair_id)
        if conversation is None:
            return
        values = self._notes.of_repair(uow.session.get_one(Repair, notification.repair_id)) | {
            "channel": notification.channel,
            "body": notification.body,
            "reason": notification.reason,
        }
        key = f"note:{template}:{notification.id}:{notification.turns}"
        self._notes.write(uow, conversation, key, template, values)

    def note_link(self, uow: UnitOfWork, event: RepairLinked) -> None:
        repair = uow.session.get_one(Repair, event.subject_id)
        values = self._notes.of_repair(repair) | {"actor": event.actor.name}
        for conversation in tickets.conversations(uow, [event.ticket_id])[event.ticket_id]:
            key = f"note:link:{repair.id}:{conversation.id}:{uow.now.timestamp()}"
            self._notes.write(uow, conversation, key, "linked", values)

    def note_writing(self, uow: UnitOfWork, event: CustomerWrote) -> None:
        """What a customer wrote on a page, as a note for agents: only a visitor's own browser can
        write into a website thread as the visitor. A settled thread is opened for it.
        """
        conversation = threads.conversation_for_repair(uow, event.repair_id)
        if conversation is None:
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        self._note_words(uow, conversation, event.repair_id, message)
        if conversation.status in ("resolved", "snoozed"):
            owe_status_sync(uow, conversation.id)

    def note_text(self, uow: UnitOfWork, event: CustomerTexted) -> None:
        """A text message as a note in the ticket's latest thread: the API cannot post it as theirs."""
        target = tickets.latest_conversation(uow, event.subject_id)
        if target is None:
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        values = {"body": message.body, **message.details}
        self._notes.write(uow, target, f"note:text:{message.id}", "customer_texted", values)
        if target.status in ("resolved", "snoozed"):
            owe_status_sync(uow, target.id)

    def note_waiting_words(self, uow: UnitOfWork, event: RepairLinked) -> None:
        """What the customer wrote about the repair while it had no thread that agents could read."""
        conversation = threads.conversation_for_repair(uow, event.subject_id)
        if conversation is None:
            return
        waiting = (
            select(TicketMessage)
            .join(TicketRepair, TicketRepair.ticket_id == TicketMessage.ticket_id)
            .where(
                TicketRepair.repair_id == event.subject_id,
                TicketMessage.conversation_id.is_(None),
                TicketMessage.details["via"].astext == writing.SOURCE,
            )
            .order_by(TicketMessage.id)
        )
        for message in uow.session.scalars(waiting):
            self._note_words(uow, conversation, event.subject_id, message)

    def _note_words(
        self, uow: UnitOfWork, conversation: Conversation, repair_id: int, message: TicketMessage
    ) -> None:
        values = self._notes.of_repair(uow.session.get_one(Repair, repair_id))
        values = values | {"body": message.body}
        self._notes.write(uow, conversation, f"note:wrote:{message.id}", "customer_wrote", values)
