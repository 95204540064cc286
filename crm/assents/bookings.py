"""Bookings a customer was told of where they write, and the one that a yes confirms there."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import exists, select

from crm import threads
from crm.billing.replies import REACHED
from crm.bookings.models import Booking
from crm.bookings.rules import HOLDING, BookingStatus
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification
from crm.replies.talks import Talk
from crm.tickets.models import AuthorKind, TicketMessage

RECEIVED = "booking_received"
TOLD = (RECEIVED, "booking_confirmed", "booking_rescheduled", "booking_reminder")
# What else a yes may answer. A quote that still waits is weighed by the caller.
ASKING = ("booking_reminder", "quote_which", "which_link", "which_repair", "payment_link",
          "sign_request")  # fmt: skip


def waiting(uow: UnitOfWork, talk: Talk, message: TicketMessage) -> list[Booking]:
    """Made by staff for this customer, told of here and not confirmed yet.

    A guest's own booking waits for the code that proves their address, not for a yes.
    """
    found = _of(uow, talk, message, (BookingStatus.PENDING,), (RECEIVED,))
    return [one for one in found if not one.by_guest]


def coming(uow: UnitOfWork, talk: Talk, message: TicketMessage) -> list[Booking]:
    """All that could be cancelled and were told of here."""
    return _of(uow, talk, message, HOLDING, TOLD)


def is_latest(uow: UnitOfWork, talk: Talk, message: TicketMessage, booking: Booking) -> bool:
    """Whether nothing else was asked since, neither by us nor by an agent."""
    asked = _told(uow, booking, (RECEIVED,))[-1]
    later = exists().where(
        Notification.customer_id == talk.customer_id,
        Notification.template.in_(ASKING),
        Notification.state.in_(REACHED),
        Notification.id > asked.id,
        Notification.created_at < message.created_at,
    )
    agent = exists().where(
        TicketMessage.ticket_id == message.ticket_id,
        TicketMessage.author_kind == AuthorKind.AGENT,
        TicketMessage.private.is_(False),
        TicketMessage.created_at > asked.created_at,
        TicketMessage.created_at <= message.created_at,
    )
    return not uow.session.scalar(select(later | agent))


def was_told_here(talk: Talk, message: TicketMessage, told: Notification) -> bool:
    """Whether a message reached the customer where they write now, before they wrote.

    By text: at the very number. Whether it is the same conversation is for the caller to know.
    """
    # Until then it may have been held. Chatwoot's clock of a message has whole seconds.
    is_before = told.not_before.replace(microsecond=0) <= message.created_at
    same_number = talk.conversation is not None or told.address == message.details.get("number")
    return is_before and same_number and told.channel == talk.channel and told.state in REACHED


def _of(
    uow: UnitOfWork,
    talk: Talk,
    message: TicketMessage,
    statuses: Collection[str],
    templates: Collection[str],
) -> list[Booking]:
    query = (
        select(Booking)
        .where(
            Booking.customer_id == talk.customer_id,
            Booking.status.in_(statuses),
            Booking.starts_at > uow.now,
        )
        .order_by(Booking.starts_at, Booking.id)
    )
    return [
        booking
        for booking in uow.session.scalars(query)
        if _is_in(uow, talk, booking)
        and any(was_told_here(talk, message, one) for one in _told(uow, booking, templates))
    ]


def _is_in(uow: UnitOfWork, talk: Talk, booking: Booking) -> bool:
    if talk.conversation is None:
        return True
    thread = threads.conversation_for_booking(uow, booking.id)
    return thread is not None and thread.id == talk.conversation.id


def _told(uow: UnitOfWork, booking: Booking, templates: Collection[str]) -> list[Notification]:
    query = select(Notification).where(
        Notification.booking_id == booking.id, Notification.template.in_(templates)
    )
    return list(uow.session.scalars(query.order_by(Notification.id)))
