"""What the shop's news causes in Chatwoot: messages, notes and fresh context. Only outbox rows."""

from __future__ import annotations

from sqlalchemy import select

from chatwoot.channel import ConversationChannel
from chatwoot.notes import Notes
from chatwoot.owing import (
    owe_contact_sync,
    owe_conversation_sync,
    owe_forgetting,
    owe_message,
    owe_note,
    owe_status_sync,
)
from crm import threads, writing
from crm.bookings.events import (
    BookingCancelled,
    BookingCheckedIn,
    BookingConfirmed,
    BookingEvent,
    BookingMissed,
    BookingReceived,
    BookingRescheduled,
)
from crm.core.events import Event
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.events import CustomerErased, CustomersMerged, CustomersParted
from crm.customers.models import Customer
from crm.invoices.events import CreditNoteIssued, InvoiceIssued
from crm.mailboxes import service as mailboxes
from crm.notifications import service as notifications
from crm.notifications.events import (
    NotificationFailed,
    NotificationSent,
    NotificationSkipped,
)
from crm.notifications.models import Notification
from crm.payments.events import (
    PaymentReceived,
    RefundDone,
    RefundEvent,
    RefundFailed,
    RefundRequested,
)
from crm.promises.events import PromiseAtRisk
from crm.promises.models import DelayAlert
from crm.repairs.events import (
    RepairCorrected,
    RepairCreated,
    RepairLinked,
    RepairNoted,
    RepairStatusChanged,
    RepairUnlinked,
)
from crm.repairs.models import Repair, RepairEntry, TicketRepair
from crm.tickets.events import (
    ConversationBound,
    CustomerTexted,
    CustomerWrote,
    MessageReceived,
    TicketStatusChanged,
)
from crm.tickets.models import AuthorKind, Conversation, TicketMessage

MAIL_INBOX = "Channel::Email"
MoneyEvent = InvoiceIssued | CreditNoteIssued | PaymentReceived | RefundEvent


class ChatwootReactions:
    def __init__(self, notes: Notes):
        self._notes = notes

    def table(self) -> Reactions:
        return {
            RepairCreated: (self.refresh_context,),
            RepairStatusChanged: (self.note_entry, self.refresh_context),
            RepairCorrected: (self.note_entry, self.refresh_context),
            RepairNoted: (self.note_entry, self.refresh_context),
            PromiseAtRisk: (self.note_risk,),
            NotificationSent: (self.note_elsewhere,),
            NotificationFailed: (self.note_untold,),
            NotificationSkipped: (self.note_untold,),
            RepairLinked: (
                self.note_link,
                self.note_waiting_words,
                self.refresh_context,
            ),
            RepairUnlinked: (self.refresh_ticket,),
            ConversationBound: (self.bind,),
            MessageReceived: (self.post, self.hear_by_mail),
            CustomerWrote: (self.note_writing,),
            CustomerTexted: (self.note_text,),
            TicketStatusChanged: (self.carry_status,),
            InvoiceIssued: (self.refresh_money,),
            CreditNoteIssued: (self.refresh_money,),
            PaymentReceived: (self.refresh_money,),
            RefundRequested: (self.refresh_money,),
            RefundDone: (self.refresh_money,),
            RefundFailed: (self.refresh_money,),
            BookingReceived: (self.refresh_booking,),
            BookingConfirmed: (self.refresh_booking,),
            BookingRescheduled: (self.refresh_booking,),
            BookingCancelled: (self.refresh_booking,),
            BookingMissed: (self.refresh_booking,),
            BookingCheckedIn: (self.refresh_booking,),
            CustomersMerged: (self.refresh_customer,),
            CustomersParted: (self.refresh_customer,),
            CustomerErased: (self.forget_contacts,),
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
        for conversation in _of_ticket(uow, event.ticket_id):
            key = f"note:link:{repair.id}:{conversation.id}:{uow.now.timestamp()}"
            self._notes.write(uow, conversation, key, "linked", values)

    def refresh_context(self, uow: UnitOfWork, event: Event) -> None:
        self._refresh_repair(uow, event.subject_id)

    def refresh_money(self, uow: UnitOfWork, event: MoneyEvent) -> None:
        """What is owed stands beside the conversation, also when no entry of the history told it."""
        if event.repair_id is not None:
            self._refresh_repair(uow, event.repair_id)

    def _refresh_repair(self, uow: UnitOfWork, repair_id: int) -> None:
        repair = uow.session.get_one(Repair, repair_id)
        conversations = threads.conversations_of_repair(uow, repair.id)
        for conversation in conversations:
            owe_conversation_sync(uow, conversation.id)
        contacts = {(c.account_id, c.contact_id) for c in conversations if c.contact_id}
        contacts |= _contacts_of(uow, repair.customer_id)
        for account_id, contact_id in sorted(contacts):
            owe_contact_sync(uow, account_id, contact_id)

    def refresh_ticket(self, uow: UnitOfWork, event: RepairUnlinked) -> None:
        for conversation in _of_ticket(uow, event.ticket_id):
            _refresh(uow, conversation)

    def refresh_booking(self, uow: UnitOfWork, event: BookingEvent) -> None:
        conversation = threads.conversation_for_booking(uow, event.subject_id)
        if conversation is not None:
            owe_conversation_sync(uow, conversation.id)

    def refresh_customer(self, uow: UnitOfWork, event: CustomersMerged | CustomersParted) -> None:
        contacts = _contacts_of(uow, event.subject_id) | _contacts_of(uow, event.merged_id)
        for account_id, contact_id in sorted(contacts):
            owe_contact_sync(uow, account_id, contact_id)

    def forget_contacts(self, uow: UnitOfWork, event: CustomerErased) -> None:
        for account_id, contact_id in event.contacts:
            owe_forgetting(uow, account_id, contact_id)

    def bind(self, uow: UnitOfWork, event: ConversationBound) -> None:
        _refresh(uow, uow.session.get_one(Conversation, event.conversation_id))

    def hear_by_mail(self, uow: UnitOfWork, event: MessageReceived) -> None:
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

    def post(self, uow: UnitOfWork, event: MessageReceived) -> None:
        """A message written through our own API goes into the ticket's latest conversation.

        What a customer said elsewhere is only kept: it is no news to them.
        """
        message = uow.session.get_one(TicketMessage, event.message_id)
        if message.external_id is not None or message.author_kind == AuthorKind.CUSTOMER:
            return
        conversations = _of_ticket(uow, event.subject_id)
        if not conversations:
            return
        target = max(conversations, key=lambda conversation: conversation.last_activity_at)
        owe = owe_note if message.private else owe_message
        message.effect_key = f"ticket-message:{message.id}"
        owe(uow, target.account_id, target.number, message.effect_key, message.body)

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
        conversations = _of_ticket(uow, event.subject_id)
        if not conversations:
            return
        target = max(conversations, key=lambda conversation: conversation.last_activity_at)
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

    def carry_status(self, uow: UnitOfWork, event: TicketStatusChanged) -> None:
        """Staff changed it here; what came from Chatwoot needs no way back."""
        if event.actor.kind != "staff":
            return
        for conversation in _of_ticket(uow, event.subject_id):
            owe_status_sync(uow, conversation.id)


def _refresh(uow: UnitOfWork, conversation: Conversation) -> None:
    owe_conversation_sync(uow, conversation.id)
    if conversation.contact_id is not None:
        owe_contact_sync(uow, conversation.account_id, conversation.contact_id)


def _of_ticket(uow: UnitOfWork, ticket_id: int) -> list[Conversation]:
    return list(
        uow.session.scalars(select(Conversation).where(Conversation.ticket_id == ticket_id))
    )


def _contacts_of(uow: UnitOfWork, customer_id: int | None) -> set[tuple[int, int]]:
    rows = uow.session.execute(
        select(Conversation.account_id, Conversation.contact_id).where(
            Conversation.customer_id == customer_id, Conversation.contact_id.is_not(None)
        )
    )
    return {(account_id, contact_id) for account_id, contact_id in rows}
