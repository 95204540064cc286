"""The shop's money of a period, by currency: earned, received, given back, owed and held.

What is owed and held is as the period ends; all else is what happened within it. The rows behind a
figure are told by the sheets (`sheets.py`), which are chosen by the same `Within`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, distinct, func, select

from crm.core.money import Taxed
from crm.core.uow import UnitOfWork
from crm.financials import receivables, rules
from crm.financials.costs import Costs, costs
from crm.financials.figures import MONEY, Figures, caused_by, figures
from crm.financials.receivables import Aged
from crm.financials.taxes import by_rate
from crm.financials.within import Within
from crm.payments.models import LedgerEntry
from crm.payments.rules import METHODS

_ACCOUNT, _AMOUNT = LedgerEntry.account, LedgerEntry.amount_minor


@dataclass(frozen=True)
class Moved:
    """Money in or out by one method, and how many times."""

    method: str
    amount_minor: int
    count: int


@dataclass(frozen=True)
class PeriodMoney:
    """In one currency. refunded: what has left. receivables, held_minor: as the period ends."""

    money: Figures
    expenses: Costs
    received: list[Moved]
    refunded: list[Moved]
    by_rate: list[Taxed]
    receivables: list[Aged]
    held_minor: int

    @property
    def margin_minor(self) -> int:
        """Before technicians' time, which is costed by repair."""
        return self.money.revenue_minor - self.money.fees_minor - self.expenses.net_minor

    @property
    def margin_percent(self) -> float | None:
        return rules.percent(self.margin_minor, self.money.revenue_minor)


def report(uow: UnitOfWork, within: Within, currency: str) -> list[PeriodMoney]:
    """currency: the shop's own, which comes first and is always there unless another is asked for."""
    money = figures(uow, *within.of_ledger())
    spent = costs(uow, *within.of_expenses())
    moved = _moved(uow, within)
    taxed = by_rate(uow, within)
    owed = receivables.aged(uow, within)
    held = _held(uow, within)
    first = within.currency or currency
    found = {first, *money, *spent, *owed, *held}
    return [
        PeriodMoney(
            money.get(one) or Figures(one),
            spent.get(one) or Costs(),
            received=[moved.get((one, "in", method), Moved(method, 0, 0)) for method in METHODS],
            refunded=[moved.get((one, "out", method), Moved(method, 0, 0)) for method in METHODS],
            by_rate=taxed.get(one, []),
            receivables=owed.get(one) or [Aged(name, 0, 0) for name in receivables.NAMES],
            held_minor=held.get(one, 0),
        )
        for one in sorted(found, key=lambda one: (one != first, one))
    ]


def _moved(uow: UnitOfWork, within: Within) -> dict[tuple[str, str, str], Moved]:
    """By currency, `in` or `out`, and method."""
    way = case((caused_by("payment"), "in"), (caused_by("refund"), "out"))
    query = (
        select(
            LedgerEntry.currency,
            way,
            _ACCOUNT,
            func.sum(_AMOUNT),
            func.count(distinct(LedgerEntry.transaction_id)),
        )
        .where(MONEY, way.is_not(None), *within.of_ledger())
        .group_by(LedgerEntry.currency, way, _ACCOUNT)
    )
    return {
        (currency, way, method): Moved(method, int(amount) if way == "in" else -int(amount), count)
        for currency, way, method, amount, count in uow.session.execute(query)
    }


def _held(uow: UnitOfWork, within: Within) -> dict[str, int]:
    query = (
        select(LedgerEntry.currency, -func.sum(_AMOUNT))
        .where(_ACCOUNT == "held", *within.until_its_end())
        .group_by(LedgerEntry.currency)
    )
    return {currency: int(amount) for currency, amount in uow.session.execute(query)}
