"""The events others may hear: one table of classes, and what each says beside its subject.

Names are the ones of the audit trail and of live pages. A body tells references, states, moments and
amounts; who the customer is, what was written and every secret stays here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from crm.bookings import events as bookings
from crm.bookings.models import Booking
from crm.core import clock
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from crm.customers import events as customers
from crm.customers.models import Customer
from crm.disputes import events as disputes
from crm.disputes.models import Dispute
from crm.followups import events as followups
from crm.invoices import events as invoices
from crm.invoices.models import Invoice
from crm.notifications import events as notifications
from crm.notifications.models import Notification
from crm.payments import events as payments
from crm.payments.models import Attempt, Payment
from crm.promises import events as promises
from crm.quotes import events as quotes
from crm.quotes.models import Quote
from crm.repairs import events as repairs
from crm.repairs.models import Repair
from crm.tickets import events as tickets
from crm.tickets.models import Ticket


class Told(NamedTuple):
    """meaning: one sentence for whoever subscribes. adds: the event's own fields that go out."""

    meaning: str
    adds: tuple[str, ...] = ()


PUBLIC: dict[type[Event], Told] = {
    repairs.RepairCreated: Told("A device was taken in, and a repair begins."),
    repairs.RepairStatusChanged: Told("The repair moved forward.", ("before", "after")),
    repairs.RepairCorrected: Told(
        "Staff took the repair back to an earlier status.", ("before", "after")
    ),
    repairs.RepairNoted: Told(
        "Something was added for staff: a note, an estimate, a part or a flag."
    ),
    repairs.RepairPlaced: Told("The device lies somewhere else in the shop."),
    promises.RepairDelayed: Told(
        "The repair takes longer than the customer was told.", ("reason",)
    ),
    bookings.BookingReceived: Told("A time is held, until the guest or staff confirm it."),
    bookings.BookingConfirmed: Told("The booked time is firm.", ("proof",)),
    bookings.BookingRescheduled: Told("The booking moved to another time.", ("before",)),
    bookings.BookingCancelled: Told("The booking was cancelled."),
    bookings.BookingMissed: Told("Nobody came at the booked time."),
    bookings.BookingCheckedIn: Told("The booked devices were brought, and each becomes a repair."),
    tickets.TicketOpened: Told("A new ticket was opened."),
    tickets.TicketStatusChanged: Told("The ticket has another status.", ("before", "after")),
    tickets.TicketAssigned: Told("Another person, or nobody, looks after the ticket now."),
    tickets.TicketRated: Told("The customer rated how the ticket was handled.", ("rating",)),
    tickets.MessageReceived: Told(
        "A message was added to the ticket, by the customer or by the shop.",
        ("author_kind", "private"),
    ),
    customers.CustomerCreated: Told("A customer was added."),
    customers.CustomersMerged: Told(
        "Two customers turned out to be one; the subject is the one that stays."
    ),
    customers.CustomerErased: Told("The customer's personal data was erased."),
    payments.PaymentInitiated: Told(
        "A payment was begun.", ("amount_minor", "currency", "purpose")
    ),
    payments.PaymentReceived: Told(
        "A payment was received.", ("amount_minor", "currency", "method", "purpose")
    ),
    payments.PaymentFailed: Told("An attempt to pay failed."),
    payments.DepositToReturn: Told(
        "A repair ended early, and the shop still holds the customer's deposit.",
        ("amount_minor", "currency"),
    ),
    payments.RefundRequested: Told(
        "A refund was asked for; some wait for a second person.",
        ("amount_minor", "currency", "needs_second"),
    ),
    payments.RefundDone: Told(
        "Money was given back.", ("amount_minor", "currency", "method", "restock")
    ),
    payments.RefundFailed: Told(
        "A refund failed, and the money is held for the customer again.",
        ("amount_minor", "currency"),
    ),
    quotes.QuoteSent: Told("A quote was sent to the customer."),
    quotes.QuoteApproved: Told(
        "The customer approved the quote.", ("total_minor", "deposit_minor", "currency", "via")
    ),
    quotes.QuoteDeclined: Told("The customer declined the quote."),
    quotes.QuoteWithdrawn: Told(
        "The quote can no longer be approved: taken back, replaced or expired."
    ),
    invoices.InvoiceIssued: Told("An invoice was issued.", ("total_minor", "currency")),
    invoices.CreditNoteIssued: Told(
        "A credit note was issued for an earlier invoice.", ("total_minor", "currency")
    ),
    disputes.DisputeOpened: Told(
        "A cardholder disputed a payment at the bank.",
        ("amount_minor", "currency", "reason", "due_at"),
    ),
    disputes.DisputeClosed: Told(
        "The bank decided the dispute.", ("amount_minor", "currency", "won")
    ),
    followups.SurveyAnswered: Told(
        "The customer rated the repair, or changed the rating.", ("rating", "via")
    ),
    notifications.NotificationSent: Told(
        "A message to the customer left by one of the shop's channels.", ("channel",)
    ),
    notifications.NotificationFailed: Told(
        "A message reached nobody on any channel, or nobody knows whether it did."
    ),
    notifications.NotificationSkipped: Told(
        "A message was not sent, by the customer's wish or the shop's rules."
    ),
}

KINDS: dict[str, type[Event]] = {event.kind: event for event in PUBLIC}
# Sent by hand, to try an address.
TEST_KIND = "webhook.test"


def data(uow: UnitOfWork, event: Event) -> dict[str, Any]:
    """The body's `data`: the subject as it is now, and what the event adds."""
    own = {name: getattr(event, name) for name in PUBLIC[type(event)].adds}
    return {
        "subject": event.subject_kind,
        "by": event.actor.kind,
        **SUBJECTS[event.subject_kind](uow, event.subject_id),
        **own,
    }


def _repair(uow: UnitOfWork, repair_id: int) -> dict[str, Any]:
    repair = uow.session.get_one(Repair, repair_id)
    return {
        "ref": repair.ref,
        "external_id": repair.external_id,
        "status": repair.status,
        "flags": repair.flags,
        "estimated_on": repair.estimated_on.isoformat() if repair.estimated_on else None,
        "place": repair.place,
        "customer": _customer_ref(uow, repair.customer_id),
    }


def _booking(uow: UnitOfWork, booking_id: int) -> dict[str, Any]:
    booking = uow.session.get_one(Booking, booking_id)
    return {
        "ref": booking.ref,
        "status": booking.status,
        "starts_at": clock.iso(booking.starts_at) if booking.starts_at else None,
        "ends_at": clock.iso(booking.ends_at) if booking.ends_at else None,
        "way": booking.way,
        "customer": _customer_ref(uow, booking.customer_id),
    }


def _ticket(uow: UnitOfWork, ticket_id: int) -> dict[str, Any]:
    ticket = uow.session.get_one(Ticket, ticket_id)
    return {
        "ref": ticket.ref,
        "status": ticket.status,
        "priority": ticket.priority,
        "source": ticket.source,
        "customer": _customer_ref(uow, ticket.customer_id),
    }


def _customer(uow: UnitOfWork, customer_id: int) -> dict[str, Any]:
    return {"ref": _customer_ref(uow, customer_id)}


def _payment(uow: UnitOfWork, payment_id: int) -> dict[str, Any]:
    payment = uow.session.get_one(Payment, payment_id)
    return {
        "ref": payment.ref,
        "state": payment.state,
        "repair": _repair_ref(uow, payment.repair_id),
        "customer": _customer_ref(uow, payment.customer_id),
    }


def _attempt(uow: UnitOfWork, attempt_id: int) -> dict[str, Any]:
    attempt = uow.session.get_one(Attempt, attempt_id)
    return {
        "ref": attempt.ref,
        "state": attempt.state,
        "repair": _repair_ref(uow, attempt.repair_id),
        "customer": _customer_ref(uow, attempt.customer_id),
    }


def _quote(uow: UnitOfWork, quote_id: int) -> dict[str, Any]:
    quote = uow.session.get_one(Quote, quote_id)
    return {
        "ref": quote.ref,
        "state": quote.state,
        "of_version": quote.version,
        "repair": _repair_ref(uow, quote.repair_id),
        "customer": _customer_ref(uow, quote.customer_id),
    }


def _invoice(uow: UnitOfWork, invoice_id: int) -> dict[str, Any]:
    invoice = uow.session.get_one(Invoice, invoice_id)
    return {
        "ref": invoice.number,
        "kind": invoice.kind,
        "repair": _repair_ref(uow, invoice.repair_id),
        "customer": _customer_ref(uow, invoice.customer_id),
    }


def _dispute(uow: UnitOfWork, dispute_id: int) -> dict[str, Any]:
    dispute = uow.session.get_one(Dispute, dispute_id)
    payment = uow.session.get_one(Payment, dispute.payment_id)
    return {
        "ref": dispute.ref,
        "state": dispute.state,
        "payment": payment.ref,
        "repair": _repair_ref(uow, payment.repair_id),
    }


def _notification(uow: UnitOfWork, notification_id: int) -> dict[str, Any]:
    told = uow.session.get_one(Notification, notification_id)
    booking = uow.session.get(Booking, told.booking_id) if told.booking_id is not None else None
    return {
        "id": told.id,
        "template": told.template,
        "state": told.state,
        "repair": _repair_ref(uow, told.repair_id),
        "booking": booking.ref if booking else None,
        "customer": _customer_ref(uow, told.customer_id),
    }


def _customer_ref(uow: UnitOfWork, customer_id: int | None) -> str | None:
    customer = uow.session.get(Customer, customer_id) if customer_id is not None else None
    return customer.ref if customer else None


def _repair_ref(uow: UnitOfWork, repair_id: int | None) -> str | None:
    return uow.session.get_one(Repair, repair_id).ref if repair_id is not None else None


SUBJECTS: dict[str, Callable[[UnitOfWork, int], dict[str, Any]]] = {
    "repair": _repair,
    "booking": _booking,
    "ticket": _ticket,
    "customer": _customer,
    "payment": _payment,
    "payment_attempt": _attempt,
    "quote": _quote,
    "invoice": _invoice,
    "dispute": _dispute,
    "notification": _notification,
}
