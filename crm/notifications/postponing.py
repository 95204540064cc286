"""Asks before every try of a message whether it may leave now: night may have come since it was
decided on, while its channel was out of order, or the shop may have switched it off.

Which moments suit is `decision.py`'s; who asks and what waits meanwhile, `jobs/relay.py`'s.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm.core.errors import Obsolete
from crm.core.uow import UnitOfWork
from crm.notifications import channels, preferences, rulebook
from crm.notifications.decision import first_moment, unwanted
from crm.notifications.models import Notification

SOON = timedelta(seconds=5)  # by then whoever held it has decided


def postponed_until(
    uow: UnitOfWork, notification_id: int | None, *, rings: bool, zone: ZoneInfo
) -> datetime | None:
    """The moment to wait for, which the log shows from now on; None when it may leave now.

    notification_id: None or erased, it is no message of ours and waits for nothing. rings: a
    telephone would. Raises Obsolete when it is not wanted any more: then it is `skipped`.
    """
    told = uow.session.get(Notification, notification_id) if notification_id else None
    if told is None:
        return None
    rule = rulebook.rule_of(uow, told)
    wishes = preferences.wishes_of(uow, told.customer_id)
    # Whoever holds it waits for this very effect; the log is not worth a deadlock.
    free = select(Notification).where(Notification.id == told.id).with_for_update(skip_locked=True)
    if reason := unwanted(told.template, told.locale, rule, wishes):
        if uow.session.scalar(free) is None:
            return uow.now + SOON
        channels.skip(uow, told, reason)
        raise Obsolete(reason)
    moment, because = first_moment(
        uow.now,
        rule,
        wishes,
        rings=rings,
        quiet=rulebook.quiet_hours(uow),
        zone=zone,
    )
    if not because:
        return None
    if uow.session.scalar(free) is not None:
        told.send_at = moment
    return moment
