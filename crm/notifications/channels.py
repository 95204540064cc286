"""What every channel does with a message: take it, owe it to the outbox, follow what became of it.

A message is offered to the channels in the order in which `app.py` lists their integrations
(conversation, e-mail, WhatsApp, SMS); the first that can reach the customer takes it. One that refuses it for
good passes it on. Which addresses may be used is `crm/addresses.py`'s business.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crm.core import outbox
from crm.core.errors import Permanent
from crm.core.events import SYSTEM
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.notifications import service
from crm.notifications.events import NotificationRefused
from crm.notifications.models import Notification, NotificationState
from crm.notifications.service import NOTICE_DEADLINE

_CLIMB = (
    NotificationState.QUEUED,
    NotificationState.SENT,
    NotificationState.DELIVERED,
    NotificationState.READ,
)
_LOOKING = (NotificationState.NO_CHANNEL, NotificationState.FAILED)


def is_free(notification: Notification, channel: str) -> bool:
    """Whether no channel has it and this one has not refused it."""
    return notification.state in _LOOKING and channel not in notification.refusals


def pass_over(notification: Notification, channel: str, reason: str) -> None:
    """This channel cannot reach them now and is not asked again about this message."""
    notification.refusals = {**notification.refusals, channel: reason}
    if notification.state == NotificationState.NO_CHANNEL:
        notification.reason = f"{channel}: {reason}"


def timing(uow: UnitOfWork, notification: Notification) -> tuple[timedelta, timedelta]:
    """How long it is held, and from now on how long it is worth sending."""
    hold = max(notification.not_before - uow.now, timedelta())
    if notification.deadline_at is not None:
        return hold, notification.deadline_at - uow.now
    return hold, hold + NOTICE_DEADLINE


def owe(
    uow: UnitOfWork, notification: Notification, channel: str, address: str, reason: str
) -> None:
    """Let a channel with addresses of its own send it: outbox kind `<channel>.message`.

    The row names the message only, so that a sealed text stays sealed until it is sent.
    """
    service.queued(notification, channel, reason)
    notification.address = address
    hold, deadline = timing(uow, notification)
    about = {
        "repair": notification.repair_id,
        "booking": notification.booking_id,
        "message": notification.id,
    }
    subject, number = next(pair for pair in about.items() if pair[1] is not None)
    outbox.send(
        uow,
        f"{channel}.message",
        notification.effect_key,
        {"notification_id": notification.id},
        lane=f"{channel}:{subject}:{number}",
        hold=hold,
        deadline=deadline,
    )


def text_of(seal: Seal, notification: Notification) -> str:
    """The words to send. Raises Permanent when they are gone, Unreadable (see `Seal`)."""
    if notification.address is None:
        raise Permanent("its text or address is gone")
    if notification.sealed_body is not None:
        return seal.open(notification.sealed_body)["text"]
    return notification.body


def arrived(
    uow: UnitOfWork,
    notification_id: int,
    state: NotificationState = NotificationState.SENT,
    *,
    external_id: str | None = None,
) -> None:
    """It got this far; news that is older than what we know changes nothing (rule 8).

    One that failed is lifted by the proof of its delivery alone. Of an erased one nothing is kept.
    """
    notification = _locked(uow, notification_id)
    if notification is None:
        return
    has_failed = notification.state == NotificationState.FAILED
    if has_failed and _height(state) < _height(NotificationState.DELIVERED):
        return
    notification.external_id = external_id or notification.external_id
    if _height(state) > _height(notification.state):
        _settle(uow, notification, state)


def gave_up(uow: UnitOfWork, notification_id: int, reason: str) -> None:
    """Its channel will not try again. reason: the outbox row's.

    Only a refusal passes it on to the next channel: after doubt the customer may have read it, after
    long waiting it is no news any more.
    """
    notification = _locked(uow, notification_id)
    if notification is None or _height(notification.state) >= _height(NotificationState.DELIVERED):
        return
    _settle(uow, notification, NotificationState.FAILED)
    notification.reason = reason
    if reason.startswith(f"{Permanent.code}:"):
        notification.refusals = {**notification.refusals, notification.channel or "": reason}
        uow.record(NotificationRefused(notification.id, SYSTEM))


def came_too_late(uow: UnitOfWork, notification_id: int, reason: str) -> None:
    """Its deadline passed before it was sent. One that got further stays what it is (rule 8)."""
    notification = _locked(uow, notification_id)
    if notification is None or _height(notification.state) >= _height(NotificationState.SENT):
        return
    _settle(uow, notification, NotificationState.CANCELLED)
    notification.reason = reason


def forget(uow: UnitOfWork) -> None:
    """Drop the secrets of messages that no channel took in their time."""
    stale = select(Notification).where(
        Notification.sealed_body.is_not(None), Notification.deadline_at < uow.now
    )
    for notification in uow.session.scalars(stale.with_for_update(skip_locked=True)):
        if notification.state == NotificationState.NO_CHANNEL:
            _settle(uow, notification, NotificationState.CANCELLED)
        _drop_secret(notification)


def by_event_key(uow: UnitOfWork, event_key: str) -> int | None:
    """The id of the message told under this key; None for other kinds of effects."""
    return uow.session.scalar(select(Notification.id).where(Notification.event_key == event_key))


def _locked(uow: UnitOfWork, notification_id: int | None) -> Notification | None:
    """None when its customer was erased meanwhile."""
    if notification_id is None:
        return None
    return uow.session.get(Notification, notification_id, with_for_update=True)


def _height(state: str) -> int:
    return _CLIMB.index(NotificationState(state)) if state in _CLIMB else -1


def _settle(uow: UnitOfWork, notification: Notification, state: NotificationState) -> None:
    notification.state, notification.settled_at = state, uow.now
    _drop_secret(notification)


def _drop_secret(notification: Notification) -> None:
    """A secret is good for one sending; without its address the masked text is never sent instead."""
    if notification.sealed_body is not None:
        notification.sealed_body = notification.address = None
