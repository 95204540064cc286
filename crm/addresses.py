"""Where a customer may be written to outside a conversation: only addresses that were proven.

A code that proves an address goes to that address alone. What a guest merely typed gets nothing
else: anybody could let us write to strangers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from crm.bookings.models import Booking, BookingProof
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.customers.models import EMAIL, Customer, CustomerKey
from crm.customers.rules import email_key, phone_key
from crm.mailboxes import service as mailboxes
from crm.mailboxes.models import MailboxState
from crm.notifications.models import Notification
from crm.repairs.models import Repair
from crm.texting import numbers
from crm.texting.models import CHANNELS, NumberState


def of_notification(
    uow: UnitOfWork, seal: Seal, notification: Notification, kind: str
) -> str | None:
    """kind: `email` or `phone` (E.164)."""
    if notification.sealed_body is not None:
        return seal.open(notification.sealed_body)["to"].get(kind)
    if notification.booking_id is not None:
        return _of_booking(uow, uow.session.get_one(Booking, notification.booking_id), kind)
    return _of_customer(uow, notification.customer_id, kind)


@dataclass(frozen=True)
class Unreachable:
    """channel: `mail`, `sms` or `whatsapp`. since: when that was learned."""

    channel: str
    reason: str
    since: datetime


def unreachable(uow: UnitOfWork, customer: Customer) -> list[Unreachable]:
    """By which channels the addresses that staff see cannot be written to, and why."""
    found = []
    if customer.email:
        mailbox = mailboxes.known(uow, customer.email)
        if mailbox is not None and mailbox.state != MailboxState.OK:
            found.append(Unreachable("mail", mailbox.reason, mailbox.since))
    for channel in CHANNELS if customer.phone else ():
        number = numbers.known(uow, channel, customer.phone)
        if number is not None and number.state != NumberState.OK:
            found.append(Unreachable(channel, number.reason, number.since))
    return found


def subject_ref(uow: UnitOfWork, notification: Notification) -> str:
    """The public reference of what a message is about; empty when it is about neither."""
    if notification.booking_id is not None:
        return uow.session.get_one(Booking, notification.booking_id).ref
    if notification.repair_id is not None:
        return uow.session.get_one(Repair, notification.repair_id).ref
    return ""


def _of_booking(uow: UnitOfWork, booking: Booking, kind: str) -> str | None:
    typed = booking.email if kind == EMAIL else booking.phone
    if typed and (not booking.by_guest or _was_proven(uow, booking.id, kind, typed)):
        return typed
    return _of_customer(uow, booking.customer_id, kind)


def _was_proven(uow: UnitOfWork, booking_id: int, kind: str, address: str) -> bool:
    used = exists().where(
        BookingProof.booking_id == booking_id,
        BookingProof.channel == kind,
        BookingProof.address == (address.strip().lower() if kind == EMAIL else address),
        BookingProof.used_at.is_not(None),
    )
    return bool(uow.session.scalar(select(used)))


def _of_customer(uow: UnitOfWork, customer_id: int | None, kind: str) -> str | None:
    """The address staff see, if it was proven; else the first that was."""
    customer = uow.session.get(Customer, customer_id) if customer_id is not None else None
    if customer is None:
        return None
    proven = list(
        uow.session.scalars(
            select(CustomerKey.value)
            .where(
                CustomerKey.customer_id == customer.id,
                CustomerKey.kind == kind,
                CustomerKey.is_proven,
            )
            .order_by(CustomerKey.id)
        )
    )
    shown, spell = (customer.email, email_key) if kind == EMAIL else (customer.phone, phone_key)
    if shown and spell(shown, proven=True).value in proven:
        return shown
    return proven[0] if proven else None
