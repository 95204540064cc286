"""What becomes of a deposit: applied to the invoice by the ledger itself; to be returned when the
repair ends without work. Returning it is a refund, made by a person.
"""

from __future__ import annotations

from crm.core import money
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.payments import queries
from crm.payments.events import DepositToReturn
from crm.repairs import service as repairs
from crm.repairs.events import RepairNoted
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.service import Address

OUTCOME = "deposit_to_return"


class Deposits:
    def __init__(self, shop: Shop):
        self._shop = shop

    def remind(self, uow: UnitOfWork, event: RepairNoted) -> None:
        """The repair was given up: tell staff what is held for it, in the history and the thread."""
        if not uow.session.get_one(RepairEntry, event.entry_id).gives_up:
            return
        standing = queries.standing(uow, event.subject_id)
        if not standing.held_minor:
            return
        repair = uow.session.get_one(Repair, event.subject_id)
        amount = money.in_words(standing.held_minor, standing.currency, self._shop.locale)
        repairs.note(
            uow,
            Address(ref=repair.ref),
            event.actor,
            outcome=OUTCOME,
            internal_note=f"return deposit {amount}",
            details={"amount_minor": standing.held_minor, "currency": standing.currency},
        )
        uow.record(DepositToReturn(repair.id, event.actor, standing.held_minor, standing.currency))

    def table(self) -> Reactions:
        return {RepairNoted: (self.remind,)}
