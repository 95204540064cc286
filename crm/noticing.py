"""Which news becomes a notice, and who should see it: one table from events to notices.

What the staff member at the desk did with their own hands is not told back to the desk. The words
are made when a notice is shown (`bridge/notices.py`), of what is kept here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from crm.bookings.events import BookingCancelled, BookingReceived
from crm.bookings.models import Booking
from crm.bookings.rules import BookingStatus
from crm.core.events import Event, announce
from crm.core.inbox import DeliveryDied
from crm.core.outbox import EffectDied
from crm.core.uow import Reactions, UnitOfWork
from crm.disputes.events import DisputeOpened
from crm.disputes.models import Dispute
from crm.followups.events import RatedLow
from crm.notices import service as notices
from crm.notifications.events import (
    NotificationComposed,
    NotificationFailed,
    NotificationSent,
)
from crm.notifications.models import Notification
from crm.payments.events import (
    DepositToReturn,
    PaymentFailed,
    PaymentMismatched,
    PaymentReceived,
    RefundFailed,
    RefundRequested,
)
from crm.payments.models import Attempt, Payment
from crm.payments.refund_models import Refund
from crm.portal import messages
from crm.promises.events import PromiseAtRisk
from crm.promises.models import DelayAlert
from crm.quotes.events import QuoteApproved, QuoteDeclined
from crm.quotes.models import Quote
from crm.repairs.models import Repair
from crm.replies.events import WishHeard
from crm.staff.models import Staff
from crm.staff.roles import DESK, MANAGER, TECHNICIAN
from crm.tickets.events import TicketOpened
from crm.tickets.models import Conversation, Ticket, TicketMessage

HANDS = ("staff", "agent")


def table() -> Reactions:
    return {
        TicketOpened: (ticket_opened,),
        QuoteApproved: (quote_answered,),
        QuoteDeclined: (quote_answered,),
        PaymentReceived: (payment_received,),
        PaymentFailed: (payment_failed,),
        PaymentMismatched: (payment_failed,),
        DepositToReturn: (deposit_to_return,),
        RefundRequested: (refund_requested,),
        RefundFailed: (refund_failed,),
        DisputeOpened: (dispute_opened,),
        RatedLow: (rated_low,),
        PromiseAtRisk: (promise_at_risk,),
        BookingReceived: (booking_received,),
        BookingCancelled: (booking_cancelled,),
        WishHeard: (wish_in_doubt,),
        NotificationFailed: (message_failed,),
        NotificationComposed: (tell_customers_page,),
        NotificationSent: (tell_customers_page,),
        EffectDied: (row_died,),
        DeliveryDied: (row_died,),
    }


def ticket_opened(uow: UnitOfWork, event: TicketOpened) -> None:
    if event.actor.kind in HANDS:
        return
    ticket = uow.session.get_one(Ticket, event.subject_id)
    about = {"ref": ticket.ref, "source": ticket.source}
    _post(uow, event, DESK, about, ticket_id=ticket.id, customer_id=ticket.customer_id)


def conversation_assigned(
    uow: UnitOfWork, key: str, conversation: Conversation, staff_id: int
) -> None:
    """For that person alone. key: of the news, told once. Who the person is, the chat's side knows."""
    ticket = uow.session.get_one(Ticket, conversation.ticket_id)
    notices.post(
        uow, f"assigned:{key}", "ticket.assigned", DESK, {"ref": ticket.ref}, staff_id=staff_id,
        ticket_id=ticket.id, customer_id=conversation.customer_id,
    )  # fmt: skip


def quote_answered(uow: UnitOfWork, event: QuoteApproved | QuoteDeclined) -> None:
    if event.actor.kind in HANDS:
        return
    quote = uow.session.get_one(Quote, event.subject_id)
    about = {"ref": quote.ref, **_of_repair(uow, event.repair_id)}
    if isinstance(event, QuoteApproved):
        about |= _money(event.total_minor, event.currency)
    _post(uow, event, TECHNICIAN, about, repair_id=event.repair_id, customer_id=quote.customer_id)


def payment_received(uow: UnitOfWork, event: PaymentReceived) -> None:
    if event.actor.kind in HANDS:
        return
    payment = uow.session.get_one(Payment, event.subject_id)
    about = {
        "ref": payment.ref,
        **_money(event.amount_minor, event.currency),
        **_of_repair(uow, event.repair_id),
    }
    _post(uow, event, DESK, about, repair_id=event.repair_id, customer_id=event.customer_id)


def payment_failed(uow: UnitOfWork, event: PaymentFailed | PaymentMismatched) -> None:
    attempt = uow.session.get_one(Attempt, event.subject_id)
    about = {"ref": attempt.ref, **_of_repair(uow, event.repair_id)}
    _post(uow, event, DESK, about, repair_id=event.repair_id, customer_id=attempt.customer_id)


def deposit_to_return(uow: UnitOfWork, event: DepositToReturn) -> None:
    about = {**_of_repair(uow, event.subject_id), **_money(event.amount_minor, event.currency)}
    _post(uow, event, DESK, about, repair_id=event.subject_id)


def refund_requested(uow: UnitOfWork, event: RefundRequested) -> None:
    """Only one that waits for a second person."""
    if event.needs_second:
        _post(uow, event, MANAGER, _of_refund(uow, event), repair_id=event.repair_id)


def refund_failed(uow: UnitOfWork, event: RefundFailed) -> None:
    """For the person who asked; for the desk when it was nobody of ours."""
    asked = uow.session.get_one(Refund, event.refund_id).requester_id or ""
    # Who asked may be a key, or known by another number than ours.
    person = uow.session.get(Staff, int(asked)) if asked.isdecimal() else None
    staff_id = person.id if person is not None else None
    about = _of_refund(uow, event)
    _post(uow, event, DESK, about, repair_id=event.repair_id, staff_id=staff_id)


def dispute_opened(uow: UnitOfWork, event: DisputeOpened) -> None:
    dispute = uow.session.get_one(Dispute, event.subject_id)
    about = {
        "ref": dispute.ref,
        "due_at": event.due_at,
        **_money(event.amount_minor, event.currency),
        **_of_repair(uow, event.repair_id),
    }
    _post(uow, event, DESK, about, repair_id=event.repair_id)


def rated_low(uow: UnitOfWork, event: RatedLow) -> None:
    about = {"rating": event.rating, **_of_repair(uow, event.subject_id)}
    customer_id = uow.session.get_one(Repair, event.subject_id).customer_id
    _post(
        uow, event, DESK, about, repair_id=event.subject_id, ticket_id=event.ticket_id,
        customer_id=customer_id,
        key=f"rating:{event.subject_id}:{event.rating}",
    )  # fmt: skip


def promise_at_risk(uow: UnitOfWork, event: PromiseAtRisk) -> None:
    alert = uow.session.get_one(DelayAlert, event.alert_id)
    about = {"promised_on": alert.promised_on.isoformat(), **_of_repair(uow, event.subject_id)}
    _post(uow, event, TECHNICIAN, about, repair_id=event.subject_id)


def booking_received(uow: UnitOfWork, event: BookingReceived) -> None:
    if event.actor.kind not in HANDS:
        _booking(uow, event)


def booking_cancelled(uow: UnitOfWork, event: BookingCancelled) -> None:
    """A draft that is given up had no place in the calendar."""
    if event.actor.kind not in HANDS and event.was != BookingStatus.DRAFT:
        _booking(uow, event)


def wish_in_doubt(uow: UnitOfWork, event: WishHeard) -> None:
    """Only where "cancel" may have been about a booking, and we can no longer ask them there."""
    if event.in_doubt:
        message = uow.session.get_one(TicketMessage, event.message_id)
        ticket = uow.session.get_one(Ticket, message.ticket_id)
        records = {"ticket_id": ticket.id, "customer_id": event.subject_id}
        _post(uow, event, DESK, {"ref": ticket.ref}, **records)


def message_failed(uow: UnitOfWork, event: NotificationFailed) -> None:
    message = uow.session.get_one(Notification, event.subject_id)
    booking = uow.session.get(Booking, message.booking_id) if message.booking_id else None
    about = {
        "template": message.template,
        "channel": message.channel,
        **({"ref": booking.ref} if booking else {}),
        **_of_repair(uow, message.repair_id),
    }
    notices.post(
        uow, f"message:{message.id}", "message.failed", DESK, about,
        repair_id=message.repair_id, customer_id=message.customer_id,
    )  # fmt: skip


def tell_customers_page(uow: UnitOfWork, event: NotificationComposed | NotificationSent) -> None:
    """An open portal page hears of a message that may be listed now."""
    customer_id = uow.session.scalar(
        select(Notification.customer_id).where(Notification.id == event.subject_id)
    )
    if customer_id is not None:
        announce(uow.session, [(messages.LIVE, customer_id)])


def row_died(uow: UnitOfWork, event: EffectDied | DeliveryDied) -> None:
    """The first of its kind in a day: when a service is away, hundreds say nothing new.

    An effect that carries a message is told by `message_failed`, or by nobody when the next channel
    took it.
    """
    if isinstance(event, EffectDied) and event.what.endswith(".message"):
        return
    key = f"{event.kind}:{event.what}:{uow.now.date().isoformat()}"
    about = {"what": event.what, "row": event.subject_id}
    notices.post(uow, key, event.kind, MANAGER, about)


def _post(
    uow: UnitOfWork,
    event: Event,
    role: str,
    about: dict[str, Any],
    *,
    key: str | None = None,
    **records: int | None,
) -> None:
    notices.post(uow, key or f"event:{uow.event_id()}", event.kind, role, about, **records)


def _booking(uow: UnitOfWork, event: BookingReceived | BookingCancelled) -> None:
    booking = uow.session.get_one(Booking, event.subject_id)
    about = {
        "ref": booking.ref,
        "starts_at": booking.starts_at.isoformat() if booking.starts_at else None,
    }
    _post(uow, event, DESK, about, customer_id=booking.customer_id)


def _of_repair(uow: UnitOfWork, repair_id: int | None) -> dict[str, Any]:
    if repair_id is None:
        return {}
    repair = uow.session.get_one(Repair, repair_id)
    return {"repair": repair.ref, "device": repair.device}


def _of_refund(uow: UnitOfWork, event: RefundRequested | RefundFailed) -> dict[str, Any]:
    refund = uow.session.get_one(Refund, event.refund_id)
    return {
        "ref": refund.ref,
        "payment": uow.session.get_one(Payment, refund.payment_id).ref,
        **_money(event.amount_minor, event.currency),
        **_of_repair(uow, event.repair_id),
    }


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}
