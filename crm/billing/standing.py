"""What is open between the shop and a customer: quotes to answer, money to pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm.core import money
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.notifications import texts
from crm.payments import queries as payments
from crm.quotes import queries as quotes
from crm.repairs.models import Repair


@dataclass(frozen=True)
class Open:
    """In words, with the currency; None when there is nothing. By repair: those it is about."""

    quote_due: str | None = None
    balance_due: str | None = None


def of_repairs(uow: UnitOfWork, repairs: Sequence[Repair], locale: str | None) -> Open:
    """locale: the language amounts are written in. Currencies stand side by side, never added."""
    spoken = texts.REGIONS[texts.closest(locale)]
    waiting = quotes.waiting(uow, [repair.id for repair in repairs])
    offered: dict[str, int] = {}
    for one in waiting:
        offered[one.currency] = offered.get(one.currency, 0) + one.total_minor
    owed = payments.owed(uow, [repair.id for repair in repairs])
    return Open(_words(offered, spoken), _words(owed, spoken))


def of_repair(uow: UnitOfWork, shop: Shop, repair: Repair, locale: str) -> dict[str, str | None]:
    """For messages about a repair: `balance` in words and `pay_link`, None when nothing is owed."""
    balance = of_repairs(uow, [repair], locale).balance_due
    link = shop.links.pay(repair.id, repair.received_at) if balance else None
    return {"balance": balance, "pay_link": link}


def _words(amounts: dict[str, int], spoken: str) -> str | None:
    parts = [
        money.in_words(amount, currency, spoken) for currency, amount in sorted(amounts.items())
    ]
    return " + ".join(parts) or None
