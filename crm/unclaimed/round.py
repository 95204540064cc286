"""The round past devices that nobody collects: reminds their owners, and puts them into storage.

Each step happens once; after an outage the latest reminder alone is sent. Nothing happens while a
repair is on hold, nor outside the hours in which the shop writes to customers.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crm.core.events import SYSTEM
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.customers.models import Customer
from crm.locations import directions
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.unclaimed import queries, rules
from crm.unclaimed.models import UnclaimedStep
from crm.unclaimed.rules import Step

EVERY_SECONDS = 3600.0
PAGE = 200


class Round:
    def __init__(self, units: Units, shop: Shop):
        self._units = units
        self._shop = shop
        self._rules = rules.rules()

    def run(self) -> int:
        """Do what is due. Returns how many repairs something was done about."""
        acted = last = 0
        while found := self._page(last):
            last = found[-1][0]
            for _, ref in found:
                with self._units() as uow:
                    acted += self._act(uow, ref)
        return acted

    def _page(self, last: int) -> list[tuple[int, str]]:
        with self._units() as uow:
            clock = uow.now.astimezone(self._shop.timezone).time()
            if not self._rules.tell_from <= clock < self._rules.tell_until:
                return []
            # A day of the calendar may be 23 hours long; the exact count is made under the lock.
            before = uow.now - timedelta(days=self._rules.steps[0].day - 1)
            rows = uow.session.execute(
                select(Repair.id, Repair.ref)
                .where(*queries.is_waiting(), Repair.id > last, Repair.status_at <= before)
                .order_by(Repair.id)
                .limit(PAGE)
            )
            return [(number, ref) for number, ref in rows]

    def _act(self, uow: UnitOfWork, ref: str) -> bool:
        repair = repairs.find(uow, Address(ref=ref))
        wait = queries.wait(uow, repair, self._shop.timezone)
        if (
            repair.status != RepairStatus.READY_PICKUP
            or RepairFlag.CANCELLED in repair.flags
            or wait.is_paused
        ):
            return False
        due = rules.due(wait.days, wait.done, self._rules.steps)
        for step in due.skipped:
            self._keep(uow, repair, step, is_skipped=True)
        for step in due.steps:
            kept = self._keep(uow, repair, step, is_skipped=False)
            if step.is_reminder:
                self._remind(uow, repair, kept, wait.days)
            else:
                flags = [*repair.flags, RepairFlag.IN_STORAGE]
                repairs.set_flags(uow, Address(ref=ref), flags, SYSTEM)
        return bool(due.steps)

    def _keep(
        self, uow: UnitOfWork, repair: Repair, step: Step, *, is_skipped: bool
    ) -> UnclaimedStep:
        kept = UnclaimedStep(
            repair_id=repair.id, ready_at=repair.status_at, step=step.name,
            is_skipped=is_skipped, done_at=uow.now,
        )  # fmt: skip
        uow.session.add(kept)
        uow.session.flush()
        return kept

    def _remind(self, uow: UnitOfWork, repair: Repair, kept: UnclaimedStep, days: int) -> None:
        customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
        locale = texts.closest(customer.locale if customer else None, self._shop.locale)
        values = {
            "device": repair.device,
            "ref": repair.ref,
            "days": days,
            "shop": self._shop.name,
            "link": self._shop.links.track(repair.id, repair.received_at),
            **directions.told(uow, texts.REGIONS[locale]),
        }
        notifications.compose(
            uow,
            f"unclaimed:{kept.id}",
            "pickup_reminder",
            texts.render(locale, "pickup_reminder", "chat", values),
            locale=locale,
            customer_id=repair.customer_id,
            repair_id=repair.id,
            hold=timedelta(),
            actor=SYSTEM,
            deadline_at=uow.now + notifications.NOTICE_DEADLINE,
            values=values,
        )
        repairs.note(
            uow,
            Address(ref=repair.ref),
            SYSTEM,
            outcome="pickup_reminder",
            internal_note=f"Ready for {days} days and not collected; the customer is reminded.",
            details={"days": days},
        )
