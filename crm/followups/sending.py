"""Composes one follow-up that is due, or ends it: decided on when its turn comes.

The round hands it on as a delivery of our own; between the two the customer may have answered, or
come back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select

from crm.core.events import SYSTEM
from crm.core.inbox import InboxRow
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.followups import carrying, rules, service, settings
from crm.followups.models import FollowUp, Survey
from crm.followups.rules import Seen
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs.models import Repair

_TEMPLATES = {rules.CUSTOM: "follow_up"}


class Sending:
    def __init__(self, shop: Shop):
        self._shop = shop

    def send(self, uow: UnitOfWork, row: InboxRow) -> None:
        """Handles `followup.due`: the body is its number.

        Whatever made it wait, outside the writing hours it is left to the next day's round.
        """
        if not rules.may_write(uow.now, self._shop.timezone):
            return
        follow_up = uow.session.get(FollowUp, int(row.body or b""), with_for_update=True)
        if follow_up is None or follow_up.state != rules.PENDING or follow_up.due_at > uow.now:
            return
        review_url = settings.read(uow).review_url
        if ending := _ending(uow, follow_up, review_url):
            service.end(uow, follow_up, *ending)
            return
        self.compose(uow, follow_up, review_url)

    def compose(self, uow: UnitOfWork, follow_up: FollowUp, review_url: str | None = None) -> None:
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
        follow_up.event_key = carrying.event_key(follow_up, uow.now)
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


def _ending(uow: UnitOfWork, follow_up: FollowUp, review_url: str | None) -> tuple[str, str] | None:
    """State and reason of one that is not sent any more."""
    if uow.now - follow_up.due_at > rules.STALE:
        return rules.FAILED, "its day passed long ago"
    if follow_up.kind == "review_request" and not review_url:
        return rules.CANCELLED, "the shop has no review link"
    if follow_up.kind == "survey" and _is_answered(uow, follow_up):
        return rules.COMPLETED, "answered before it was asked"
    this = FollowUp.id == follow_up.id
    came_back = bool(uow.session.scalar(select(service.has_new_repair()).where(this)))
    seen = Seen(follow_up.kind, follow_up.state, has_new_repair=came_back)
    return rules.outcome(seen, uow.now)


def _is_answered(uow: UnitOfWork, follow_up: FollowUp) -> bool:
    answered = exists().where(Survey.repair_id == follow_up.repair_id)
    return bool(uow.session.scalar(select(answered)))
