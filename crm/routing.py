"""Carries out the decision about a message, and decides again when the facts change.

The decision itself is `crm/notifications/decision.py`; how a channel sends is its integration's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select

from crm.core import outbox
from crm.core.events import SYSTEM
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.events import AddressProven, CustomersMerged
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
from crm.repairs.events import RepairLinked
from crm.repairs.models import TicketRepair
from crm.replies.events import WishHeard
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind


@dataclass(frozen=True)
class Verdict:
    decision: Decision
    reach: Mapping[str, Reach]


class Router:
    """channels: of all integrations; their usual order is that of `rules.CHANNELS`."""

    def __init__(self, channels: Sequence[Channel], zone: ZoneInfo):
        self._channels = {channel.name: channel for channel in channels}
        self._zone = zone

    def table(self) -> Reactions:
        return {
            NotificationComposed: (self.route,),
            NotificationRefused: (self.route,),
            RepairLinked: (self.look_at_repair,),
            MessageReceived: (self.look_at_ticket,),
            PreferencesChanged: (self.decide_again, self.look_at_customer),
            AddressProven: (self.look_at_customer,),
            WishHeard: (self.decide_again, self.look_at_customer),
            CustomersMerged: (self.decide_again, self.look_at_customer),
        }

    def route(self, uow: UnitOfWork, event: NotificationComposed | NotificationRefused) -> None:
        notification = uow.session.get_one(Notification, event.subject_id)
        if not channels.is_free(notification):
            return
        earlier = notification.effect_key
        self._carry_out(uow, notification, self._verdict(uow, notification))
        if notification.effect_key != earlier:
            outbox.close_dead(uow, earlier, f"{notification.channel} brings it")
        if notification.state == NotificationState.FAILED or self._is_missed(notification):
            uow.record(NotificationFailed(notification.id, SYSTEM))

    def look_at_repair(self, uow: UnitOfWork, event: RepairLinked) -> None:
        self._look_again(uow, Notification.repair_id == event.subject_id)

    def look_at_ticket(self, uow: UnitOfWork, event: MessageReceived) -> None:
        """A customer's message opens the window of a channel that was closed for answers."""
        if not event.private and event.author_kind == AuthorKind.CUSTOMER:
            its = select(TicketRepair.repair_id).where(TicketRepair.ticket_id == event.subject_id)
            self._look_again(uow, Notification.repair_id.in_(its))

    def decide_again(
        self, uow: UnitOfWork, event: PreferencesChanged | WishHeard | CustomersMerged
    ) -> None:
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
                self._carry_out(uow, notification, self._verdict(uow, notification))

    def look_at_customer(
        self,
        uow: UnitOfWork,
        event: PreferencesChanged | AddressProven | WishHeard | CustomersMerged,
    ) -> None:
        self._look_again(uow, Notification.customer_id == event.subject_id)

    def _look_again(self, uow: UnitOfWork, which: ColumnElement[bool]) -> None:
        """What found no way to the customer, and is news still, may find one now.

        Of the statuses of one repair only the latest that is to be sent says anything new.
        """
        stranded = (
            select(Notification)
            .where(
                which,
                Notification.state == NotificationState.NO_CHANNEL,
                service.is_news(uow.now),
            )
            .order_by(Notification.id)
            .with_for_update()
        )
        verdicts = [(one, self._verdict(uow, one)) for one in uow.session.scalars(stranded)]
        newest = {
            one.repair_id: (one, verdict)
            for one, verdict in verdicts
            if service.tells_status(one) and not verdict.decision.is_skipped
        }
        for one, verdict in verdicts:
            latest, its = newest.get(one.repair_id, (one, verdict))
            is_old = service.tells_status(one) and one.id < latest.id
            if not is_old or verdict.decision.is_skipped:
                self._carry_out(uow, one, verdict)
            elif its.decision.channel is not None:
                service.supersede(uow, one, latest)

    def _verdict(self, uow: UnitOfWork, notification: Notification) -> Verdict:
        # Obstacles and wishes may have changed since it was decided on last.
        notification.refusals = channels.lasting(notification.refusals)
        reach = {}
        for name, channel in self._channels.items():
            if name not in notification.refusals and (found := channel.reach(uow, notification)):
                reach[name] = found
        return Verdict(self._decide(uow, notification, reach), reach)

    def _carry_out(self, uow: UnitOfWork, notification: Notification, verdict: Verdict) -> None:
        decision = verdict.decision
        notification.refusals = dict(decision.refusals)
        if decision.is_skipped:
            channels.skip(uow, notification, decision.reason)
        elif decision.channel is not None:
            notification.send_at = decision.send_at
            chosen = self._channels[decision.channel]
            chosen.send(uow, notification, verdict.reach[decision.channel], decision.reason)
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
            notification.only_channel,
        )
        return decide(
            asked,
            rulebook.rule_of(uow, notification),
            preferences.wishes_of(uow, notification.customer_id),
            reach,
            quiet=rulebook.quiet_hours(uow),
            zone=self._zone,
        )

    def _is_missed(self, notification: Notification) -> bool:
        """Whether staff should know that it found no way. A guest is nobody until they are proven; a
        shop without channels knows."""
        must_arrive = rules.defaults()[notification.template].must_arrive
        is_stranded = notification.state == NotificationState.NO_CHANNEL
        return bool(must_arrive and is_stranded and notification.customer_id and self._channels)
