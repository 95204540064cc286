"""Bookings a customer was told of where they write, and the one that a yes confirms there."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import exists, select

from crm import threads
from crm.billing.replies import REACHED
from crm.bookings import queries
from crm.bookings.models import Booking
from crm.bookings.rules import HOLDING, BookingStatus
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification
from crm.replies.talks import Talk
from crm.texting.models import CHANNELS as TEXTING
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
    found = _of(uow, talk, message, (BookingStatus.PENDING,))
    return [
        one for one in found
        if not one.by_guest and _is_told_here(uow, talk, message, one, (RECEIVED,))
    ]  # fmt: skip


def coming(uow: UnitOfWork, talk: Talk, message: TicketMessage) -> list[Booking]:
    """All that could be cancelled and were told of here, or by text to the number that writes."""
    return [
        one for one in _of(uow, talk, message, HOLDING)
        if _is_told_here(uow, talk, message, one, TOLD) or _is_texted(uow, message, one)
    ]  # fmt: skip


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
    same_number = talk.conversation is not None or told.address == message.details.get("number")
    return _is_before(told, message) and same_number and told.channel == talk.channel


def _of(
    uow: UnitOfWork, talk: Talk, message: TicketMessage, statuses: Collection[str]
) -> list[Booking]:
    """The customer's bookings to come, in their order."""
    whose = Booking.customer_id == talk.customer_id
    if number := message.details.get("number"):
        whose |= queries.is_for_number(number)
    query = select(Booking).where(whose, Booking.status.in_(statuses), Booking.starts_at > uow.now)
    return list(uow.session.scalars(query.order_by(Booking.starts_at, Booking.id)))


def _is_told_here(
    uow: UnitOfWork,
    talk: Talk,
    message: TicketMessage,
    booking: Booking,
    templates: Collection[str],
) -> bool:
    told = _told(uow, booking, templates)
    return _is_in(uow, talk, booking) and any(was_told_here(talk, message, one) for one in told)


def _is_texted(uow: UnitOfWork, message: TicketMessage, booking: Booking) -> bool:
    number = message.details.get("number")
    return number is not None and any(
        told.channel in TEXTING and told.address == number and _is_before(told, message)
        for told in _told(uow, booking, TOLD)
    )


def _is_before(told: Notification, message: TicketMessage) -> bool:
    """Whether it reached them before they wrote; until its hold was over it had not."""
    # Chatwoot's clock of a message has whole seconds.
    is_before = told.not_before.replace(microsecond=0) <= message.created_at
    return is_before and told.state in REACHED


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
