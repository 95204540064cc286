"""What staff do with one message: take it back before it leaves, or have it decided on once more.

A message sent again is a row of its own, so that every effect keeps a key of its own; the rows of one
message are told by the beginning of their event keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import exists, false, or_, select

from crm.core import audit, outbox
from crm.core.errors import Conflict, NotFound, Permanent
from crm.core.events import Actor
from crm.core.outbox import OutboxRow
from crm.core.uow import UnitOfWork
from crm.notifications import rules, service
from crm.notifications.models import Notification, NotificationState

_AGAIN = ":again:"
_ARRIVED = (NotificationState.SENT, NotificationState.DELIVERED, NotificationState.READ)


class Step(StrEnum):
    """REPEAT: sent once more, although it was sent or may have been."""

    TAKE_BACK = "take-back"
    RESEND = "resend"
    REPEAT = "repeat"


def take_back(uow: UnitOfWork, notification_id: int, actor: Actor) -> Notification:
    """Undo a message that has not left. Taken back twice it is taken back once.

    Raises NotFound, Conflict (`message-left`).
    """
    notification = _locked(uow, notification_id)
    if notification.state == NotificationState.CANCELLED:
        return notification
    if not service.take_back_event(uow, notification.event_key, f"taken back by {actor.name}"):
        raise Conflict("it has left already, or is just leaving", code="message-left")
    audit.write(uow, actor, "notification.cancel", str(notification.id))
    return notification


def resend(
    uow: UnitOfWork,
    notification_id: int,
    actor: Actor,
    *,
    is_repeat: bool = False,
    is_newest: bool = False,
) -> Notification:
    """A new decision about a message that did not arrive, with the same words; goes at once.

    is_repeat: also one that was sent, or may have been. is_newest: only if this row is the newest of its
    message, so that a second press sends nothing. Raises NotFound, Conflict (`message-waits`: it may
    still be sent; `message-sent`; `message-moved-on`; `secret-gone`: a code is good for one sending;
    `too-late`).
    """
    root_key = _locked(uow, notification_id).event_key.partition(_AGAIN)[0]
    rows = _rows_of(uow, root_key)
    latest = rows[-1]
    is_replaced = latest.id != notification_id or latest.state == NotificationState.SUPERSEDED
    if is_newest and is_replaced:
        raise Conflict(
            "it was sent again already, or a later one says more", code="message-moved-on"
        )
    if obstacle := _obstacle(uow, latest, is_repeat=is_repeat):
        raise obstacle
    fresh = service.compose(
        uow,
        f"{root_key}{_AGAIN}{len(rows)}",
        latest.template,
        latest.body,
        locale=latest.locale,
        customer_id=latest.customer_id,
        repair_id=latest.repair_id,
        booking_id=latest.booking_id,
        hold=timedelta(),
        deadline_at=latest.deadline_at,
        actor=actor,
        conversation_id=latest.conversation_id,
        only=latest.only_channel,
    )
    fresh.short_body, fresh.variables = latest.short_body, latest.variables
    if latest.state == NotificationState.NO_CHANNEL:
        service.supersede(uow, latest, fresh)
    # Or the customer would get it twice.
    outbox.close_dead(uow, latest.effect_key, "the message was sent again")
    told = {"instead_of": latest.id, "its_state": latest.state}
    audit.write(uow, actor, "notification.resend", str(fresh.id), told)
    return fresh


def steps(uow: UnitOfWork, rows: Sequence[Notification]) -> dict[int, frozenset[Step]]:
    """By the id of each row, what may be tried with it now: of a message only its latest row has any,
    and none that a later message replaced."""
    roots = {row.event_key.partition(_AGAIN)[0] for row in rows}
    resent = [
        Notification.event_key.startswith(f"{root}{_AGAIN}", autoescape=True) for root in roots
    ]
    latest: dict[str, int] = {}
    query = select(Notification.id, Notification.event_key).where(or_(false(), *resent))
    for row_id, event_key in uow.session.execute(query.order_by(Notification.id)):
        latest[event_key.partition(_AGAIN)[0]] = row_id
    return {
        row.id: _steps(uow, row)
        if latest.get(row.event_key.partition(_AGAIN)[0], row.id) == row.id
        else frozenset()
        for row in rows
    }


def _steps(uow: UnitOfWork, row: Notification) -> frozenset[Step]:
    if row.state == NotificationState.SUPERSEDED:
        return frozenset()
    found = set()
    is_held = max(row.not_before, row.send_at or row.not_before) > uow.now
    if row.state == NotificationState.NO_CHANNEL or (
        row.state == NotificationState.QUEUED and is_held
    ):
        found.add(Step.TAKE_BACK)
    if _obstacle(uow, row, is_repeat=False) is None:
        found.add(Step.RESEND)
    elif _obstacle(uow, row, is_repeat=True) is None:
        found.add(Step.REPEAT)
    return frozenset(found)


def _obstacle(uow: UnitOfWork, latest: Notification, *, is_repeat: bool) -> Conflict | None:
    """Why it is not sent again, see `resend`."""
    if rules.is_code(latest.template):
        return Conflict("a code is good for one sending; ask for a new one", code="secret-gone")
    if latest.state == NotificationState.QUEUED:
        return Conflict("it is still on its way", code="message-waits")
    if latest.state in _ARRIVED and not is_repeat:
        return Conflict("it was sent; say `again` to send it once more", code="message-sent")
    if not is_repeat and _may_have_arrived(uow, latest):
        return Conflict(
            "it may have arrived; say `again` to send it once more", code="message-sent"
        )
    if latest.deadline_at is not None and latest.deadline_at <= uow.now:
        return Conflict("it would come too late", code="too-late")
    return None


def _may_have_arrived(uow: UnitOfWork, notification: Notification) -> bool:
    """Whether it was given up in doubt."""
    if notification.reason.startswith(f"{Permanent.code}:"):
        return False
    in_doubt = exists().where(
        OutboxRow.effect_key == notification.effect_key,
        OutboxRow.mode == outbox.SEND,
        OutboxRow.state == outbox.DEAD,
        OutboxRow.context.has_key(outbox.DOUBTED),
    )
    return bool(uow.session.scalar(select(in_doubt)))


def _locked(uow: UnitOfWork, notification_id: int) -> Notification:
    """Raises NotFound."""
    notification = uow.session.get(Notification, notification_id, with_for_update=True)
    if notification is None:
        raise NotFound("no such message")
    return notification


def _rows_of(uow: UnitOfWork, root_key: str) -> list[Notification]:
    """All rows of one message, locked, oldest first."""
    resent = Notification.event_key.startswith(f"{root_key}{_AGAIN}", autoescape=True)
    query = select(Notification).where(or_(Notification.event_key == root_key, resent))
    return list(uow.session.scalars(query.order_by(Notification.id).with_for_update()))
