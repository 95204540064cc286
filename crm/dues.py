"""What a customer is to pay for a repair now: the deposit its quote asks for, or the balance."""

from __future__ import annotations

from dataclasses import dataclass

from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.invoices import queries as invoices
from crm.payments import queries, rules
from crm.quotes import queries as quotes
from crm.repairs.models import Repair
from crm.repairs.statuses import GIVEN_UP


@dataclass(frozen=True)
class Due:
    """amount_minor: 0 when nothing is due. quote_id: of the quote that asks for a deposit."""

    purpose: str
    amount_minor: int
    currency: str
    quote_id: int | None = None


def due(uow: UnitOfWork, repair_id: int, purpose: str) -> Due:
    """purpose: `deposit` or `balance`. Raises NotFound.

    Work that was given up, or invoiced before, asks no deposit: one that was credited and given
    back would be asked anew.
    """
    standing = queries.standing(uow, repair_id)
    if purpose == "balance":
        return Due(purpose, rules.balance_due(standing), standing.currency)
    quote = quotes.approved(uow, repair_id)
    if quote is None or _is_past_deposits(uow, repair_id):
        return Due(purpose, 0, standing.currency)
    amount = rules.deposit_due(standing, quote.deposit_minor)
    return Due(purpose, amount, quote.currency, quote.quote_id)


def _is_past_deposits(uow: UnitOfWork, repair_id: int) -> bool:
    is_given_up = bool(GIVEN_UP.intersection(uow.session.get_one(Repair, repair_id).flags))
    return is_given_up or bool(invoices.of_repair(uow, repair_id))


def needed(uow: UnitOfWork, repair_id: int, purpose: str) -> Due:
    """Raises NotFound, Conflict (`nothing-due`)."""
    found = due(uow, repair_id, purpose)
    if not found.amount_minor:
        raise Conflict("there is nothing to pay now", code="nothing-due")
    return found
