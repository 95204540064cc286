"""What a channel is, and what every one does with a message: owe it, follow what became of it.

Which of them takes a message is decided in `decision.py` and carried out by `crm/routing.py`; one
that refuses it for good passes it on. Which addresses may be used is `crm/addresses.py`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from sqlalchemy import func, select

from crm.core import outbox
from crm.core.errors import Permanent
from crm.core.events import SYSTEM
from crm.core.outbox import EffectDiscarded
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.notifications import rules, service
from crm.notifications.decision import Reach
from crm.notifications.events import (
    NotificationFailed,
    NotificationRefused,
    NotificationSent,
    NotificationSkipped,
)
from crm.notifications.models import Notification, NotificationState
from crm.notifications.service import NOTICE_DEADLINE

_CLIMB = (
    NotificationState.QUEUED,
    NotificationState.SENT,
    NotificationState.DELIVERED,
    NotificationState.READ,
)
_LOOKING = (NotificationState.NO_CHANNEL, NotificationState.FAILED)


class Channel(Protocol):
    """name: one of `rules.CHANNELS`.

    reach: how it gets to the customer of this message; None when it knows no way.
    send: owe the message to the outbox; it goes there and then. reason: kept in the log.
    """

    name: str

    def reach(self, uow: UnitOfWork, notification: Notification) -> Reach | None: ...

    def send(
        self, uow: UnitOfWork, notification: Notification, reach: Reach, reason: str
    ) -> None: ...


def lasting(refusals: Mapping[str, str]) -> dict[str, str]:
    """Those that no later fact lifts: of a channel for good."""
    return {k: why for k, why in refusals.items() if why.startswith(f"{Permanent.code}:")}


def is_free(notification: Notification) -> bool:
    """Whether no channel has it."""
    return notification.state in _LOOKING


def skip(uow: UnitOfWork, notification: Notification, reason: str) -> None:
    """It was decided not to send it."""
    _settle(uow, notification, NotificationState.SKIPPED)
    notification.reason = reason
    uow.record(NotificationSkipped(notification.id, SYSTEM))


def timing(uow: UnitOfWork, notification: Notification) -> tuple[timedelta, timedelta]:
    """How long it is held, and from now on how long it is worth sending."""
    leaves_at = notification.send_at or notification.not_before
    hold = max(leaves_at - uow.now, timedelta())
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


def code_of(seal: Seal, notification: Notification) -> str | None:
    """The code among its words, to be typed or shown elsewhere."""
    if notification.sealed_body is not None:
        return seal.open(notification.sealed_body).get("code")
    return notification.variables.get("collection_code")


def arrived(
    uow: UnitOfWork,
    notification_id: int | None,
    state: NotificationState = NotificationState.SENT,
    *,
    external_id: str | None = None,
) -> None:
    """It got this far; news that is older than what we know changes nothing (rule 8).

    None, here and below: the effect carries no message, or an erased one. One that failed is lifted
    by the proof of its delivery alone.
    """
    notification = _locked(uow, notification_id)
    if notification is None:
        return
    has_failed = notification.state == NotificationState.FAILED
    if has_failed and _height(state) < _height(NotificationState.DELIVERED):
        return
    notification.external_id = external_id or notification.external_id
    if _height(state) > _height(notification.state):
        is_news = _height(notification.state) < _height(NotificationState.SENT)
        _settle(uow, notification, state)
        if is_news:
            uow.record(NotificationSent(notification.id, SYSTEM, notification.channel or ""))


def reached(
    uow: UnitOfWork,
    notification: Notification,
    effect_key: str,
    channel: str,
    state: NotificationState,
    *,
    external_id: str | None = None,
) -> None:
    """It got this far by this effect. notification: locked, see `carried`.

    Late news of a channel that gave up counts only when it did arrive there after all.
    """
    if notification.effect_key != effect_key:
        if _height(state) < _height(NotificationState.DELIVERED):
            return
        outbox.cancel(uow, notification.effect_key, f"delivered by {channel} after all")
        # What that cost, nobody estimated.
        notification.channel = channel
        notification.segments = notification.cost_minor = notification.cost_currency = None
    arrived(uow, notification.id, state, external_id=external_id)


def gave_up(uow: UnitOfWork, notification_id: int | None, reason: str) -> None:
    """Its channel will not try again. reason: the outbox row's.

    Only a refusal passes it on to the next channel: after doubt the customer may have read it, after
    long waiting it is no news any more. A code is never passed on: it went to the one address that it
    proves, and what is left of it is masked.
    """
    notification = _locked(uow, notification_id)
    if notification is None or notification.state == NotificationState.FAILED:
        return
    if _height(notification.state) >= _height(NotificationState.DELIVERED):
        return
    _settle(uow, notification, NotificationState.FAILED)
    notification.reason = reason
    is_refused = reason.startswith(f"{Permanent.code}:")
    if is_refused:
        notification.refusals = {**notification.refusals, notification.channel or "": reason}
    if is_refused and not rules.is_code(notification.template):
        uow.record(NotificationRefused(notification.id, SYSTEM))
    else:
        uow.record(NotificationFailed(notification.id, SYSTEM))


def came_too_late(uow: UnitOfWork, notification_id: int | None, reason: str) -> None:
    """Its deadline passed before it was sent. One that got further stays what it is (rule 8), and so
    does one that was skipped meanwhile.
    """
    notification = _locked(uow, notification_id)
    if notification is None or notification.state == NotificationState.SKIPPED:
        return
    if _height(notification.state) >= _height(NotificationState.SENT):
        return
    _settle(uow, notification, NotificationState.CANCELLED)
    notification.reason = reason
    if rules.defaults()[notification.template].must_arrive:
        uow.record(NotificationFailed(notification.id, SYSTEM))


def discarded(uow: UnitOfWork, event: EffectDiscarded) -> None:
    """A person gave up a message that nobody could tell about; one that failed stays failed."""
    notification = _locked(uow, by_effect_key(uow, event.effect_key))
    if notification is not None and notification.state == NotificationState.QUEUED:
        _settle(uow, notification, NotificationState.CANCELLED)
        notification.reason = event.reason


def forget(uow: UnitOfWork) -> None:
    """Drop the secrets of messages that no channel took in their time."""
    stale = select(Notification).where(
        Notification.sealed_body.is_not(None), Notification.deadline_at < uow.now
    )
    for notification in uow.session.scalars(stale.with_for_update(skip_locked=True)):
        if notification.state == NotificationState.NO_CHANNEL:
            _settle(uow, notification, NotificationState.CANCELLED)
        notification.drop_secret()


def by_effect_key(uow: UnitOfWork, effect_key: str) -> int | None:
    """The id of the message that this effect carries now; None for other kinds of effects."""
    told = Notification.event_key.in_(Notification.event_keys(effect_key))
    for notification in uow.session.scalars(select(Notification).where(told)):
        if notification.effect_key == effect_key:
            return notification.id
    return None


def carried(uow: UnitOfWork, effect_key: str) -> Notification | None:
    """The message that this effect carries, or did before another channel got it; locked."""
    told = Notification.event_key.in_(Notification.event_keys(effect_key))
    query = select(Notification).where(told).order_by(func.length(Notification.event_key).desc())
    return uow.session.scalars(query.limit(1).with_for_update()).first()


def _locked(uow: UnitOfWork, notification_id: int | None) -> Notification | None:
    """None when its customer was erased meanwhile."""
    if notification_id is None:
        return None
    return uow.session.get(Notification, notification_id, with_for_update=True)


def _height(state: str) -> int:
    return _CLIMB.index(NotificationState(state)) if state in _CLIMB else -1


def _settle(uow: UnitOfWork, notification: Notification, state: NotificationState) -> None:
    notification.state, notification.settled_at = state, uow.now
    notification.drop_secret()
