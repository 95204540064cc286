"""What a customer is told when the work is given up: the device cannot be repaired, or it was cancelled.

What becomes of quotes is left to `quoting.py`, of a deposit to `crm/deposits.py`. Staff who think
better of it inform nobody.
"""

from __future__ import annotations

from collections.abc import Collection

from crm.billing import standing
from crm.billing.telling import Teller
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.notifications import service as notifications
from crm.repairs.events import RepairNoted
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.statuses import RepairFlag, RepairStatus

# Of both the first is told: it is the reason for the other.
_TEMPLATES = {
    RepairFlag.UNREPAIRABLE: "repair_unrepairable",
    RepairFlag.CANCELLED: "repair_cancelled",
}
_WORKING = [status for status in RepairStatus if status.rank < RepairStatus.READY_PICKUP.rank]
_OF_WORK = (*(f"repair_{status}" for status in _WORKING), "repair_delayed")


class GivingUp:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._teller = Teller(shop)

    def table(self) -> Reactions:
        return {RepairNoted: (self.tell,)}

    def tell(self, uow: UnitOfWork, event: RepairNoted) -> None:
        """Who has the device back already is told nothing."""
        entry = uow.session.get_one(RepairEntry, event.entry_id)
        if entry.outcome != "flags":
            return
        before, after = _told(entry.details["before"]), _told(entry.details["after"])
        if before == after:
            return
        repair = uow.session.get_one(Repair, event.subject_id)
        key = f"repair:{repair.id}:given_up:"
        notifications.take_back_beginning(uow, key, _TEMPLATES.values(), "it is not so any more")
        if after is None or repair.status == RepairStatus.DELIVERED:
            return
        notifications.overtake(uow, repair.id, _OF_WORK, "the work was given up meanwhile")
        locale = self._teller.locale(uow, repair.customer_id)
        values = {
            "link": self._shop.links.track(repair.id, repair.received_at),
            "is_ready": repair.status == RepairStatus.READY_PICKUP,
            **standing.of_repair(uow, self._shop, repair, locale),
        }
        self._teller.tell(
            uow, f"{key}{entry.id}", after, event.actor, repair=repair,
            customer_id=repair.customer_id, values=values,
        )  # fmt: skip


def _told(flags: Collection[str]) -> str | None:
    """The message that flags call for."""
    return next((name for flag, name in _TEMPLATES.items() if flag in flags), None)
