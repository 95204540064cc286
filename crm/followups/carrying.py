"""Which message carries a follow-up: the one composed for it, or the one staff sent again."""

from __future__ import annotations

from datetime import datetime

from crm.core.uow import UnitOfWork
from crm.followups import rules
from crm.followups.models import FollowUp
from crm.notifications.events import NotificationComposed
from crm.notifications.models import Notification

_PREFIX = "follow-up"
# Of the key's parts: the prefix, whose message it is, and when it was composed.
_ROOT = 3


def event_key(follow_up: FollowUp, composed_at: datetime) -> str:
    """Of its message; planned anew for the same moment, it gets another one."""
    return f"{_PREFIX}:{follow_up.id}:{int(composed_at.timestamp() * 1000)}"


def sent_again(uow: UnitOfWork, event: NotificationComposed) -> None:
    """Once its message is decided on anew, however it had ended, a follow-up goes with the new one.

    What came before, such as another repair, does not stop what a person sends knowing it.
    """
    key = uow.session.get_one(Notification, event.subject_id).event_key
    if _root(key)[0] != _PREFIX:
        return
    follow_up = uow.session.get(FollowUp, int(_root(key)[1]), with_for_update=True)
    if follow_up is None or follow_up.event_key is None or _root(follow_up.event_key) != _root(key):
        return
    if follow_up.event_key == key or follow_up.state == rules.COMPLETED:
        return
    follow_up.event_key, follow_up.state = key, rules.SCHEDULED
    follow_up.composed_at = follow_up.created_at = uow.now
    follow_up.created_by = event.actor.name
    follow_up.sent_at = follow_up.closed_at = follow_up.reason = None


def _root(key: str) -> list[str]:
    return key.split(":")[:_ROOT]
