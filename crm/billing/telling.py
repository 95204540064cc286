"""Messages about money and the end of work: the words every one of them needs, and who gets them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crm.core import money
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs.models import Repair

# Who acts by hand may have slipped: what they cause can be taken back for a while.
_BY_HAND = ("staff", "agent")


class Teller:
    def __init__(self, shop: Shop):
        self._shop = shop

    def locale(self, uow: UnitOfWork, customer_id: int | None) -> str:
        customer = uow.session.get(Customer, customer_id) if customer_id is not None else None
        return texts.closest(customer.locale if customer else None, self._shop.locale)

    def words(self, minor: int, currency: str, locale: str) -> str:
        return money.in_words(minor, currency, texts.REGIONS[locale])

    def for_staff(self, minor: int, currency: str) -> str:
        return self.words(minor, currency, texts.closest(self._shop.locale))

    def tell(
        self,
        uow: UnitOfWork,
        event_key: str,
        template: str,
        actor: Actor,
        *,
        repair: Repair | None,
        customer_id: int | None,
        values: dict[str, Any],
    ) -> None:
        """values: beside shop, ref and device. Held when a person caused it."""
        locale = self.locale(uow, customer_id)
        given = {
            "shop": self._shop.name,
            "ref": repair.ref if repair else "",
            "device": repair.device if repair else "",
        }
        notifications.compose(
            uow,
            event_key,
            template,
            texts.render(locale, template, "chat", given | values),
            locale=locale,
            customer_id=customer_id,
            repair_id=repair.id if repair else None,
            hold=self._shop.hold if actor.kind in _BY_HAND else timedelta(),
            actor=actor,
            values=given | values,
        )
