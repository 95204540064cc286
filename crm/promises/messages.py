"""What a customer is told when their repair takes longer."""

from __future__ import annotations

from datetime import date, timedelta

from babel.dates import format_date

from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.promises import rules
from crm.promises.events import RepairDelayed
from crm.promises.rules import DelayReason
from crm.repairs.models import Repair, RepairEntry

TEMPLATE = "repair_delayed"


class Messages:
    def __init__(self, shop: Shop):
        self._shop = shop

    def table(self) -> Reactions:
        return {RepairDelayed: (self.delayed,)}

    def delayed(self, uow: UnitOfWork, event: RepairDelayed) -> None:
        """What a person says waits as their other messages do; what systems say is told at once."""
        repair = uow.session.get_one(Repair, event.subject_id)
        entry = uow.session.get_one(RepairEntry, event.entry_id)
        customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
        locale = texts.closest(customer.locale if customer else None, self._shop.locale)
        new_on = entry.details["estimated_on"]
        values = {
            "shop": self._shop.name,
            "device": repair.device,
            "ref": repair.ref,
            "link": self._shop.links.track(repair.id, repair.received_at),
            "reason": rules.public_words(DelayReason(event.reason), locale),
            "ready_on": _spoken(date.fromisoformat(new_on), locale) if new_on else None,
            "note": entry.note,
        }
        by_system = event.actor.kind in ("shop", "system")
        hold = timedelta() if by_system else self._shop.hold
        if not hold:
            notifications.release(uow, repair.id)
        notifications.compose(
            uow,
            notifications.status_key(repair.id, entry.id),
            TEMPLATE,
            texts.render(locale, TEMPLATE, "chat", values),
            locale=locale,
            customer_id=repair.customer_id,
            repair_id=repair.id,
            hold=hold,
            actor=event.actor,
            values=values,
        )


def _spoken(day: date, locale: str) -> str:
    return format_date(day, "long", locale=texts.REGIONS[locale])
