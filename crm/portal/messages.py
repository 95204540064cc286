"""What a customer was told, as the portal lists it, and what of it they have seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from crm.core.events import announce
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification, NotificationState
from crm.portal.asking import TEMPLATE
from crm.portal.models import SeenNotification

# The kind under which open pages hear of news.
LIVE = "customer"
_GONE_OUT = (NotificationState.SENT, NotificationState.DELIVERED, NotificationState.READ)
_TO_COME = (NotificationState.QUEUED, NotificationState.NO_CHANNEL, NotificationState.FAILED)
_SEEN = exists().where(SeenNotification.notification_id == Notification.id)


@dataclass(frozen=True)
class Count:
    """newest: the id of the newest message; 0 when there is none."""

    unseen: int
    newest: int


def _told(uow: UnitOfWork, customer_id: int) -> ColumnElement[bool]:
    """Messages there, on their way, or without one: this list may be all that reaches somebody. One
    that is held may still be taken back; a link to sign in with says nothing to who has."""
    leaves_at = func.coalesce(Notification.send_at, Notification.not_before)
    under_way = and_(Notification.state.in_(_TO_COME), leaves_at <= uow.now)
    return and_(
        Notification.customer_id == customer_id,
        Notification.template != TEMPLATE,
        or_(Notification.state.in_(_GONE_OUT), under_way),
    )


def told_at(row: Notification) -> datetime:
    """When it could leave; when it was written, as long as it is on its way."""
    return (row.send_at if row.state in _GONE_OUT else None) or row.created_at


def listed(
    uow: UnitOfWork, customer_id: int, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Newest first."""
    query = select(Notification).where(_told(uow, customer_id))
    return page(uow.session, query, [Notification.id], limit=limit, after=after)


def unseen_among(uow: UnitOfWork, ids: Collection[int]) -> set[int]:
    rows = select(Notification.id).where(Notification.id.in_(ids), ~_SEEN)
    return set(uow.session.scalars(rows))


def count(uow: UnitOfWork, customer_id: int) -> Count:
    told = _told(uow, customer_id)
    unseen = select(func.count()).select_from(Notification).where(told, ~_SEEN)
    newest = select(func.max(Notification.id)).where(told)
    row = uow.session.execute(select(unseen.scalar_subquery(), newest.scalar_subquery())).one()
    return Count(row[0], row[1] or 0)


def see(uow: UnitOfWork, customer_id: int, which: Collection[int] | None = None) -> None:
    """which: ids; None for all there are. Those of others are left alone."""
    unseen = select(Notification.id).where(_told(uow, customer_id), ~_SEEN)
    if which is not None:
        unseen = unseen.where(Notification.id.in_(which))
    rows = [{"notification_id": one, "seen_at": uow.now} for one in uow.session.scalars(unseen)]
    if rows:
        uow.session.execute(insert(SeenNotification).on_conflict_do_nothing(), rows)
        announce(uow.session, [(LIVE, customer_id)])
