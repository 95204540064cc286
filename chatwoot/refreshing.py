"""The shop's news brings what stands beside a conversation up to date: attributes, labels, contacts.

Only outbox rows; what is written there is read when they are carried out (`context.py`).
"""

from __future__ import annotations

from sqlalchemy import select

from chatwoot.owing import owe_contact_sync, owe_conversation_sync, owe_forgetting
from crm import threads
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
from crm.invoices.events import CreditNoteIssued, InvoiceIssued
from crm.payments.events import (
    PaymentReceived,
    RefundDone,
    RefundEvent,
    RefundFailed,
    RefundRequested,
)
from crm.repairs.events import (
    RepairCorrected,
    RepairCreated,
    RepairLinked,
    RepairNoted,
    RepairStatusChanged,
    RepairUnlinked,
)
from crm.repairs.models import Repair
from crm.tickets import queries as tickets
from crm.tickets.events import ConversationBound
from crm.tickets.models import Conversation

MoneyEvent = InvoiceIssued | CreditNoteIssued | PaymentReceived | RefundEvent


def table() -> Reactions:
    return {
        RepairCreated: (refresh_context,),
        RepairStatusChanged: (refresh_context,),
        RepairCorrected: (refresh_context,),
        RepairNoted: (refresh_context,),
        RepairLinked: (refresh_context,),
        RepairUnlinked: (refresh_ticket,),
        ConversationBound: (bind,),
        InvoiceIssued: (refresh_money,),
        CreditNoteIssued: (refresh_money,),
        PaymentReceived: (refresh_money,),
        RefundRequested: (refresh_money,),
        RefundDone: (refresh_money,),
        RefundFailed: (refresh_money,),
        BookingReceived: (refresh_booking,),
        BookingConfirmed: (refresh_booking,),
        BookingRescheduled: (refresh_booking,),
        BookingCancelled: (refresh_booking,),
        BookingMissed: (refresh_booking,),
        BookingCheckedIn: (refresh_booking,),
        CustomersMerged: (refresh_customer,),
        CustomersParted: (refresh_customer,),
        CustomerErased: (forget_contacts,),
    }


def refresh_context(uow: UnitOfWork, event: Event) -> None:
    _refresh_repair(uow, event.subject_id)


def refresh_money(uow: UnitOfWork, event: MoneyEvent) -> None:
    """What is owed stands beside the conversation, also when no entry of the history told it."""
    if event.repair_id is not None:
        _refresh_repair(uow, event.repair_id)


def refresh_ticket(uow: UnitOfWork, event: RepairUnlinked) -> None:
    for conversation in tickets.conversations(uow, [event.ticket_id])[event.ticket_id]:
        _refresh(uow, conversation)


def bind(uow: UnitOfWork, event: ConversationBound) -> None:
    _refresh(uow, uow.session.get_one(Conversation, event.conversation_id))


def refresh_booking(uow: UnitOfWork, event: BookingEvent) -> None:
    conversation = threads.conversation_for_booking(uow, event.subject_id)
    if conversation is not None:
        owe_conversation_sync(uow, conversation.id)


def refresh_customer(uow: UnitOfWork, event: CustomersMerged | CustomersParted) -> None:
    contacts = _contacts_of(uow, event.subject_id) | _contacts_of(uow, event.merged_id)
    for account_id, contact_id in sorted(contacts):
        owe_contact_sync(uow, account_id, contact_id)


def forget_contacts(uow: UnitOfWork, event: CustomerErased) -> None:
    for account_id, contact_id in event.contacts:
        owe_forgetting(uow, account_id, contact_id)


def _refresh_repair(uow: UnitOfWork, repair_id: int) -> None:
    repair = uow.session.get_one(Repair, repair_id)
    conversations = threads.conversations_of_repair(uow, repair.id)
    for conversation in conversations:
        owe_conversation_sync(uow, conversation.id)
    contacts = {(c.account_id, c.contact_id) for c in conversations if c.contact_id}
    contacts |= _contacts_of(uow, repair.customer_id)
    for account_id, contact_id in sorted(contacts):
        owe_contact_sync(uow, account_id, contact_id)


def _refresh(uow: UnitOfWork, conversation: Conversation) -> None:
    owe_conversation_sync(uow, conversation.id)
    if conversation.contact_id is not None:
        owe_contact_sync(uow, conversation.account_id, conversation.contact_id)


def _contacts_of(uow: UnitOfWork, customer_id: int | None) -> set[tuple[int, int]]:
    rows = uow.session.execute(
        select(Conversation.account_id, Conversation.contact_id).where(
            Conversation.customer_id == customer_id, Conversation.contact_id.is_not(None)
        )
    )
    return {(account_id, contact_id) for account_id, contact_id in rows}
