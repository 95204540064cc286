"""The round over follow-ups: hands on what is due, and looks what became of what was sent.

Handing on is one statement for thousands: each becomes a delivery of our own in the inbox, one of a
mass, except words of staff, which are few. `sending.py` composes it when its turn comes. Both
happen within the shop's writing hours only; what is left in the evening is handed on anew the next
day. A missed round is caught up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, literal, or_, select, tuple_

from crm.core import inbox
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.followups import rules, service
from crm.followups.models import FollowUp
from crm.followups.rules import Seen
from crm.notifications import service as notifications
from crm.notifications.models import Notification
from crm.tickets.models import AuthorKind, Ticket, TicketMessage

EVERY_SECONDS = 600.0
SENDER, DUE = "follow-ups", "followup.due"
PAGE = 1000
HANDED_ON_AT_ONCE = 5000


def hand_on(uow: UnitOfWork, follow_up: FollowUp, zone: ZoneInfo) -> None:
    """One that is due now does not wait for the next round, unless nobody is written to at this hour.

    Under the key of the round, so that it is handed on once.
    """
    if rules.may_write(uow.now, zone):
        found = _deliveries(_today(uow, zone)).where(FollowUp.id == follow_up.id)
        inbox.store_found(uow, SENDER, DUE, found)


class Round:
    def __init__(self, units: Units, shop: Shop):
        self._units = units
        self._shop = shop

    def run(self) -> int:
        """Returns how many were handed on."""
        self._look()
        return self._hand_on()

    def _hand_on(self) -> int:
        count, last = 0, None
        while True:
            with self._units() as uow:
                if not rules.may_write(uow.now, self._shop.timezone):
                    return count
                place = tuple_(FollowUp.due_at, FollowUp.id)
                due = [FollowUp.state == rules.PENDING, FollowUp.due_at <= uow.now]
                if last is not None:
                    due.append(place > last)
                page = select(FollowUp.due_at, FollowUp.id).where(*due).order_by(place)
                found = uow.session.execute(page.limit(HANDED_ON_AT_ONCE)).all()
                if not found:
                    return count
                last = tuple_(*(literal(value) for value in found[-1]))
                count += inbox.store_found(
                    uow, SENDER, DUE,
                    _deliveries(_today(uow, self._shop.timezone)).where(*due, place <= last),
                )  # fmt: skip

    def _look(self) -> None:
        last = 0
        while True:
            with self._units() as uow:
                rows = uow.session.execute(_under_way(last)).all()
                for number, settled_at, *facts in rows:
                    seen = Seen(*facts)
                    if to := rules.outcome(seen, uow.now):
                        self._move(uow, number, seen.state, to, settled_at)
            if len(rows) < PAGE:
                return
            last = rows[-1].id

    @staticmethod
    def _move(
        uow: UnitOfWork, number: int, since: str, to: tuple[str, str], settled_at: datetime | None
    ) -> None:
        """since: the state it was seen in; one that has moved on meanwhile is left to the next round."""
        follow_up = uow.session.get(FollowUp, number, with_for_update=True)
        if follow_up is None or follow_up.state != since:
            return
        state, reason = to
        if state == rules.SENT:
            follow_up.state, follow_up.sent_at = state, settled_at or uow.now
            return
        if state == rules.CANCELLED:
            # One that is just leaving has left by the next round.
            service.stop(uow, follow_up, state, reason)
            return
        if state == rules.FAILED and follow_up.event_key:
            # A message that no channel took must not be found by one later.
            notifications.take_back_event(uow, follow_up.event_key, reason)
        service.end(uow, follow_up, state, reason)


def _today(uow: UnitOfWork, zone: ZoneInfo) -> str:
    return uow.now.astimezone(zone).date().isoformat()


def _deliveries(today: str) -> Any:
    """As `inbox.store_found` takes them. Moved to another time, one is handed on again."""
    due_at = func.trunc(func.extract("epoch", FollowUp.due_at))
    number = cast(FollowUp.id, Text)
    return select(
        func.concat("follow-up:", number).label("subject"),
        func.concat_ws(":", number, due_at, today).label("key"),
        number.label("body"),
        (FollowUp.kind != rules.CUSTOM).label("is_bulk"),
    )


def _under_way(last: int) -> Any:
    """Those that something may have happened to: id, when its message settled, then as `Seen`."""
    new_repair = service.has_new_repair()
    return (
        select(
            FollowUp.id, Notification.settled_at, FollowUp.kind, FollowUp.state,
            Notification.state, func.coalesce(Notification.reason, ""), FollowUp.composed_at,
            FollowUp.sent_at, _has_written(), new_repair,
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
    )  # fmt: skip


def _has_written() -> ColumnElement[bool]:
    return (
        exists()
        .where(Ticket.customer_id == FollowUp.customer_id, TicketMessage.ticket_id == Ticket.id)
        .where(TicketMessage.author_kind == AuthorKind.CUSTOMER)
        .where(TicketMessage.created_at > func.coalesce(FollowUp.sent_at, Notification.settled_at))
        .correlate(FollowUp, Notification)
    )
