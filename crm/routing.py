"""Carries out the decision about a message, and decides again when the facts change.

The decision itself is `crm/notifications/decision.py`; how a channel sends is its integration's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm.core import outbox
from crm.core.events import SYSTEM
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.events import AddressProven
from crm.notifications import channels, preferences, rulebook, rules, service
from crm.notifications.channels import Channel
from crm.notifications.decision import Asked, Decision, Reach, decide
from crm.notifications.events import (
    NotificationComposed,
    NotificationFailed,
    NotificationRefused,
    PreferencesChanged,
)
from crm.notifications.models import Notification, NotificationState
from crm.notifications.rules import Importance
from crm.repairs.events import RepairLinked
from crm.repairs.models import TicketRepair
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind


class Router:
    """channels: of all integrations; their usual order is that of `rules.CHANNELS`."""

    def __init__(self, channels: Sequence[Channel], zone: ZoneInfo):
        self._channels = {channel.name: channel for channel in channels}
        self._zone = zone

    def table(self) -> Reactions:
        return {
            NotificationComposed: (self.route,),
            NotificationRefused: (self.route,),
            RepairLinked: (self.route_waiting,),
            MessageReceived: (self.route_reopened,),
            PreferencesChanged: (self.decide_again, self.look_again),
            AddressProven: (self.look_again,),
        }

    def route(self, uow: UnitOfWork, event: NotificationComposed | NotificationRefused) -> None:
        notification = uow.session.get_one(Notification, event.subject_id)
        if not channels.is_free(notification):
            return
        earlier = notification.effect_key
        self._carry_out(uow, notification)
        if notification.effect_key != earlier:
            outbox.close_dead(uow, earlier, f"{notification.channel} brings it")
        if notification.state == NotificationState.FAILED or _is_missed(notification):
            uow.record(NotificationFailed(notification.id, SYSTEM))

    def route_waiting(self, uow: UnitOfWork, event: RepairLinked) -> None:
        """Of the messages that had no channel, the latest is sent; older ones say nothing new."""
        self._route_latest(uow, service.waiting(uow, event.subject_id))

    def route_reopened(self, uow: UnitOfWork, event: MessageReceived) -> None:
        """A customer's message opens the window of a channel that was closed for answers."""
        if event.private or event.author_kind != AuthorKind.CUSTOMER:
            return
        repairs = select(TicketRepair.repair_id).where(TicketRepair.ticket_id == event.subject_id)
        for repair_id in uow.session.scalars(repairs):
            waiting = service.waiting(uow, repair_id)
            self._route_latest(
                uow, [one for one in waiting if one.created_at > uow.now - service.NOTICE_DEADLINE]
            )

    def decide_again(self, uow: UnitOfWork, event: PreferencesChanged) -> None:
        """What waits to leave follows what the customer wishes now."""
        waiting = (
            select(Notification)
            .where(
                Notification.customer_id == event.subject_id,
                Notification.state == NotificationState.QUEUED,
            )
            .order_by(Notification.id)
            .with_for_update()
        )
        for notification in uow.session.scalars(waiting):
            if outbox.cancel(uow, notification.effect_key, "the customer's wishes changed"):
                notification.state = NotificationState.NO_CHANNEL
                self._carry_out(uow, notification)

    def look_again(self, uow: UnitOfWork, event: PreferencesChanged | AddressProven) -> None:
        """What found no way to the customer may find one now."""
        stranded = (
            select(Notification)
            .where(
                Notification.customer_id == event.subject_id,
                Notification.state == NotificationState.NO_CHANNEL,
                Notification.created_at > uow.now - service.NOTICE_DEADLINE,
            )
            .order_by(Notification.id)
            .with_for_update()
        )
        subjects = defaultdict(list)
        for notification in uow.session.scalars(stranded):
            subjects[notification.repair_id, notification.booking_id].append(notification)
        for waiting in subjects.values():
            self._route_latest(uow, waiting)

    def _route_latest(self, uow: UnitOfWork, waiting: list[Notification]) -> None:
        """waiting: oldest first. One that is not to be sent lets the one before it through."""
        while waiting:
            latest = waiting.pop()
            self._carry_out(uow, latest)
            if latest.state == NotificationState.NO_CHANNEL:
                return
            if latest.state == NotificationState.QUEUED:
                for older in waiting:
                    older.state, older.settled_at = NotificationState.SUPERSEDED, uow.now
                    older.reason = f"superseded by {latest.event_key}"
                return

    def _carry_out(self, uow: UnitOfWork, notification: Notification) -> None:
        # Obstacles and wishes may have changed since it was decided on last.
        notification.refusals = channels.lasting(notification.refusals)
        reach = {}
        for name, channel in self._channels.items():
            if name not in notification.refusals and (found := channel.reach(uow, notification)):
                reach[name] = found
        decision = self._decide(uow, notification, reach)
        notification.refusals = dict(decision.refusals)
        if decision.is_skipped:
            channels.skip(uow, notification, decision.reason)
        elif decision.channel is not None:
            notification.send_at = decision.send_at
            chosen = self._channels[decision.channel]
            chosen.send(uow, notification, reach[decision.channel], decision.reason)
        elif notification.state == NotificationState.NO_CHANNEL:
            notification.reason = decision.reason

    def _decide(
        self, uow: UnitOfWork, notification: Notification, reach: Mapping[str, Reach]
    ) -> Decision:
        asked = Asked(
            notification.template,
            notification.locale,
            max(notification.not_before, uow.now),
            notification.deadline_at,
            notification.refusals,
        )
        return decide(
            asked,
            rulebook.rule_for(uow, notification.template, notification.locale),
            preferences.wishes_of(uow, notification.customer_id),
            reach,
            quiet=rulebook.quiet_hours(uow),
            zone=self._zone,
        )


def _is_missed(notification: Notification) -> bool:
    """Whether staff should know that news a customer has to act on found no way to them."""
    rule = rules.defaults()[notification.template]
    return (
        notification.state == NotificationState.NO_CHANNEL
        and notification.repair_id is not None
        and rule.importance == Importance.ESSENTIAL
    )
