"""The round over follow-ups: sends what is due, and looks what became of what was sent.

Sent within the shop's writing hours only. A missed round is caught up: what came due meanwhile is
sent once, what is long stale is not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from crm.core.events import SYSTEM
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.customers.models import Customer
from crm.followups import rules, service, settings
from crm.followups.models import FollowUp, Survey
from crm.followups.rules import Seen
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.notifications.models import Notification
from crm.repairs.models import Repair
from crm.tickets.models import AuthorKind, Ticket, TicketMessage

EVERY_SECONDS = 600.0
PAGE = 200
_TEMPLATES = {rules.CUSTOM: "follow_up"}


class Round:
    def __init__(self, units: Units, shop: Shop):
        self._units = units
        self._shop = shop

    def run(self) -> int:
        """Returns how many were sent."""
        self._look()
        sent = 0
        while found := self._due():
            for follow_up_id in found:
                with self._units() as uow:
                    sent += self._send(uow, follow_up_id)
        return sent

    def _due(self) -> list[int]:
        with self._units() as uow:
            if not rules.may_write(uow.now, self._shop.timezone):
                return []
            due = select(FollowUp.id).where(
                FollowUp.state == rules.PENDING, FollowUp.due_at <= uow.now
            )
            return list(uow.session.scalars(due.order_by(FollowUp.due_at, FollowUp.id).limit(PAGE)))

    def _send(self, uow: UnitOfWork, follow_up_id: int) -> bool:
        """False when it ends unsent, or another round was faster."""
        follow_up = uow.session.get(FollowUp, follow_up_id, with_for_update=True)
        if follow_up is None or follow_up.state != rules.PENDING or follow_up.due_at > uow.now:
            return False
        if uow.now - follow_up.due_at > rules.STALE:
            service.end(uow, follow_up, rules.FAILED, "its day passed long ago")
            return False
        review_url = settings.read(uow).review_url
        if follow_up.kind == "review_request" and not review_url:
            service.end(uow, follow_up, rules.CANCELLED, "the shop has no review link")
            return False
        if follow_up.kind == "survey" and _is_answered(uow, follow_up):
            service.end(uow, follow_up, rules.COMPLETED, "answered before it was asked")
            return False
        repair = uow.session.get(Repair, follow_up.repair_id) if follow_up.repair_id else None
        customer = uow.session.get_one(Customer, follow_up.customer_id)
        locale = texts.closest(customer.locale, self._shop.locale)
        template = _TEMPLATES.get(follow_up.kind, follow_up.kind)
        values: dict[str, Any] = {
            "shop": self._shop.name,
            "device": repair.device if repair else "",
            "ref": repair.ref if repair else "",
            "words": follow_up.words,
            "review_url": review_url,
            "link": self._shop.links.survey(repair.id, uow.now) if repair else "",
            "book": f"{self._shop.links.public_url}/book",
        }
        follow_up.event_key = f"follow-up:{follow_up.id}:{int(follow_up.due_at.timestamp())}"
        follow_up.composed_at, follow_up.state = uow.now, rules.SCHEDULED
        notifications.compose(
            uow,
            follow_up.event_key,
            template,
            texts.render(locale, template, "chat", values),
            locale=locale,
            customer_id=follow_up.customer_id,
            repair_id=follow_up.repair_id,
            hold=timedelta(),
            actor=SYSTEM,
            deadline_at=uow.now + notifications.NOTICE_DEADLINE,
            values=values,
        )
        return True

    def _look(self) -> None:
        last = 0
        while True:
            with self._units() as uow:
                rows = uow.session.execute(_under_way(last)).all()
                for follow_up, carried, why, settled_at, has_written, has_new_repair in rows:
                    seen = Seen(
                        follow_up.kind, follow_up.state, carried, why or "",
                        follow_up.composed_at, follow_up.sent_at, has_written, has_new_repair,
                    )  # fmt: skip
                    self._move(uow, follow_up, rules.outcome(seen, uow.now), settled_at)
            if len(rows) < PAGE:
                return
            last = rows[-1][0].id

    @staticmethod
    def _move(
        uow: UnitOfWork, follow_up: FollowUp, to: tuple[str, str] | None, settled_at: Any
    ) -> None:
        if to is None:
            return
        state, reason = to
        if state == rules.SENT:
            follow_up.state, follow_up.sent_at = state, settled_at or uow.now
            return
        if state == rules.FAILED and follow_up.event_key:
            # A message that no channel took must not be found by one later.
            notifications.take_back_event(uow, follow_up.event_key, reason)
        service.end(uow, follow_up, state, reason)


def _under_way(last: int) -> Any:
    """Those that something may have happened to, with what happened; locked."""
    new_repair = _has_new_repair()
    return (
        select(
            FollowUp, Notification.state, Notification.reason, Notification.settled_at,
            _has_written(), new_repair,
        )
        .outerjoin(Notification, Notification.event_key == FollowUp.event_key)
        .where(
            FollowUp.id > last,
            or_(
                FollowUp.state.in_((rules.SCHEDULED, rules.SENT)),
                and_(FollowUp.state == rules.PENDING, new_repair),
            ),
        )
        .order_by(FollowUp.id)
        .limit(PAGE)
        .with_for_update(of=FollowUp, skip_locked=True)
    )  # fmt: skip


def _has_written() -> ColumnElement[bool]:
    return (
        exists()
        .where(Ticket.customer_id == FollowUp.customer_id, TicketMessage.ticket_id == Ticket.id)
        .where(TicketMessage.author_kind == AuthorKind.CUSTOMER)
        .where(TicketMessage.created_at > func.coalesce(FollowUp.sent_at, Notification.settled_at))
        .correlate(FollowUp, Notification)
    )


def _has_new_repair() -> ColumnElement[bool]:
    """A come-back is a repair of its own, so it counts too."""
    return (
        exists()
        .where(Repair.customer_id == FollowUp.customer_id, Repair.id != FollowUp.repair_id)
        .where(Repair.received_at > FollowUp.created_at)
        .correlate(FollowUp)
    )


def _is_answered(uow: UnitOfWork, follow_up: FollowUp) -> bool:
    answered = exists().where(Survey.repair_id == follow_up.repair_id)
    return bool(uow.session.scalar(select(answered)))
