"""Composing messages and following what became of them. `channels.py` owes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from crm.core import outbox
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.notifications import texts
from crm.notifications.decision import NO_CHANNEL_YET
from crm.notifications.events import NotificationComposed
from crm.notifications.models import Notification, NotificationState

# A status notice that could not leave for this long tells the customer nothing new (rule 17).
NOTICE_DEADLINE = timedelta(hours=24)
_STATUS_KEY = "repair:{}:entry:"


def compose(
    uow: UnitOfWork,
    event_key: str,
    template: str,
    body: str,
    *,
    locale: str,
    customer_id: int | None,
    repair_id: int | None,
    hold: timedelta,
    actor: Actor,
    booking_id: int | None = None,
    deadline_at: datetime | None = None,
    sealed_body: bytes | None = None,
    values: Mapping[str, Any] | None = None,
    conversation_id: int | None = None,
    only: str | None = None,
) -> Notification:
    """Keep a message and let the channels see it. It stays `no_channel` until one takes it.

    values: what the body was made of, for channels with words of their own; never a secret.
    conversation_id, only: it answers what was written there, or by that channel, and goes nowhere else.
    """
    notification = Notification(
        event_key=event_key,
        template=template,
        locale=locale,
        customer_id=customer_id,
        repair_id=repair_id,
        booking_id=booking_id,
        body=body,
        short_body=texts.short(locale, template, values) if values else None,
        variables={k: v for k, v in (values or {}).items() if isinstance(v, str)},
        sealed_body=sealed_body,
        conversation_id=conversation_id,
        only_channel=only,
        state=NotificationState.NO_CHANNEL,
        reason=NO_CHANNEL_YET,
        not_before=uow.now + hold,
        deadline_at=deadline_at,
        created_at=uow.now,
    )
    uow.session.add(notification)
    uow.session.flush()
    uow.record(NotificationComposed(notification.id, actor))
    return notification


def queued(notification: Notification, channel: str, reason: str) -> None:
    notification.channel, notification.reason = channel, reason
    notification.state = NotificationState.QUEUED
    notification.turns = (notification.turns or 0) + 1
    notification.segments = notification.cost_minor = notification.cost_currency = None


def status_key(repair_id: int, entry_id: int) -> str:
    """The event key of the message that tells one entry of a repair's history."""
    return f"{_STATUS_KEY.format(repair_id)}{entry_id}"


def tells_status(notification: Notification) -> bool:
    return notification.event_key.startswith(_STATUS_KEY.format(notification.repair_id))


def is_news(now: datetime) -> ColumnElement[bool]:
    """Whether a message that has not left is worth sending still (rule 17)."""
    begun_at = func.greatest(Notification.created_at, Notification.not_before)
    return func.coalesce(Notification.deadline_at, begun_at + NOTICE_DEADLINE) > now


def supersede(uow: UnitOfWork, notification: Notification, by: Notification) -> None:
    notification.state, notification.settled_at = NotificationState.SUPERSEDED, uow.now
    notification.reason = f"superseded by {by.event_key}"


def release(uow: UnitOfWork, repair_id: int) -> int:
    """Let status messages go that are still held, because a later one of this repair goes at once.

    They are not superseded: a stage that was passed since was reached indeed, and what staff wrote
    to it would be lost. Returns how many.
    """
    rows = uow.session.scalars(
        select(Notification)
        .where(
            Notification.repair_id == repair_id,
            Notification.state == NotificationState.QUEUED,
            Notification.not_before > uow.now,
            Notification.send_at <= Notification.not_before,
            Notification.event_key.startswith(_STATUS_KEY.format(repair_id), autoescape=True),
        )
        .order_by(Notification.id)
        .with_for_update()
    ).all()
    count = 0
    for row in rows:
        if outbox.release(uow, row.effect_key):
            row.not_before = row.send_at = uow.now
            count += 1
    return count


def take_back(uow: UnitOfWork, repair_id: int, reason: str) -> int:
    """Cancel messages about a repair's statuses that have not left. Returns how many."""
    told_status = Notification.event_key.startswith(_STATUS_KEY.format(repair_id), autoescape=True)
    return _take_back(uow, (Notification.repair_id == repair_id) & told_status, reason)


def overtake(uow: UnitOfWork, repair_id: int, templates: Collection[str], reason: str) -> int:
    """Cancel messages about a repair that are still held and have lost their sense. Returns how many."""
    held = (Notification.not_before > uow.now) | (Notification.send_at > uow.now)
    which = (Notification.repair_id == repair_id) & Notification.template.in_(templates) & held
    return _take_back(uow, which, reason)


def take_back_event(uow: UnitOfWork, event_key: str, reason: str) -> int:
    """Cancel the message of one event, if it has not left. Returns how many."""
    return _take_back(uow, Notification.event_key == event_key, reason)


def take_back_beginning(
    uow: UnitOfWork, beginning: str, templates: Collection[str], reason: str
) -> int:
    """Cancel those whose event key begins so and that have not left, also sent again. How many."""
    named = Notification.event_key.startswith(beginning, autoescape=True)
    return _take_back(uow, named & Notification.template.in_(templates), reason)


def take_back_booking(uow: UnitOfWork, booking_id: int, reason: str) -> int:
    """Cancel messages about a booking that have not left, reminders too. Returns how many."""
    return _take_back(uow, Notification.booking_id == booking_id, reason)


def _take_back(uow: UnitOfWork, which: ColumnElement[bool], reason: str) -> int:
    rows = uow.session.scalars(
        select(Notification)
        .where(
            which,
            Notification.state.in_((NotificationState.NO_CHANNEL, NotificationState.QUEUED)),
        )
        .with_for_update()
    ).all()
    count = 0
    for row in rows:
        if row.state == NotificationState.NO_CHANNEL or outbox.cancel(uow, row.effect_key, reason):
            row.state, row.reason, row.settled_at = NotificationState.CANCELLED, reason, uow.now
            row.drop_secret()
            count += 1
    return count
