"""What one repair or one customer earned, with every line it comes from; nothing here locks.

Money facts are the ledger's, costs are the expenses', and time is costed if the shop says what an
hour costs it (`data/rules.yaml`). A handful of queries, however much there is to tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select

from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.expenses.models import Expense
from crm.expenses.queries import of_customer
from crm.financials import figures, lines, rules
from crm.financials.costs import Costs, costs
from crm.financials.figures import Figures
from crm.financials.lines import Explained
from crm.repairs.models import Repair

# The newest; a repair never has as many, a customer of many years may.
MOST_LINES = 500


@dataclass(frozen=True)
class Earnings:
    """In one currency. money: of the ledger. time_minor: 0 while time is not costed.

    lines: newest first, of at most `MOST_LINES` documents and as many expenses; while is_complete
    they add up to margin_minor. margin_percent: of the revenue; None without one.
    """

    money: Figures
    expenses: Costs
    time_minor: int
    lines: list[Explained]

    @property
    def margin_minor(self) -> int:
        costs = self.money.fees_minor + self.expenses.net_minor + self.time_minor
        return self.money.revenue_minor - costs

    @property
    def is_complete(self) -> bool:
        return sum(line.net_minor for line in self.lines) == self.margin_minor

    @property
    def margin_percent(self) -> float | None:
        return rules.percent(self.margin_minor, self.money.revenue_minor)


def repair(uow: UnitOfWork, repair_id: int, zone: ZoneInfo) -> list[Earnings]:
    """By currency, the repair's own first, in which there is always an answer. Raises NotFound."""
    currency = uow.session.scalar(select(Repair.currency).where(Repair.id == repair_id))
    if currency is None:
        raise NotFound("no such repair")
    scope = figures.of_repairs([repair_id])
    return _earnings(uow, scope, Expense.repair_id == repair_id, [repair_id], zone, currency)


def customer(uow: UnitOfWork, customer_id: int, zone: ZoneInfo, currency: str) -> list[Earnings]:
    """By currency, over all the customer's repairs and what belongs to none of them.

    currency: the shop's, in which there is always an answer.
    """
    repair_ids = uow.session.scalars(
        select(Repair.id).where(Repair.customer_id == customer_id)
    ).all()
    scope = figures.of_repairs(repair_ids, customer_id)
    spent = Expense.id.in_(of_customer(customer_id))
    return _earnings(uow, scope, spent, repair_ids, zone, currency)


def _earnings(
    uow: UnitOfWork,
    scope: ColumnElement[bool],
    spent: ColumnElement[bool],
    repair_ids: Sequence[int],
    zone: ZoneInfo,
    currency: str,
) -> list[Earnings]:
    money, spent_costs = figures.figures(uow, scope), costs(uow, spent)
    time = lines.of_time(uow, repair_ids)
    told: dict[str, list[Explained]] = defaultdict(list)
    for line in (
        *lines.of_ledger(uow, scope, MOST_LINES),
        *lines.of_expenses(uow, spent, zone, MOST_LINES),
        *time,
    ):
        told[line.currency].append(line)
    currencies = {currency, *money, *spent_costs, *told}
    return [
        Earnings(
            money.get(one) or Figures(one),
            spent_costs.get(one) or Costs(),
            -sum(line.net_minor for line in time if line.currency == one),
            sorted(told[one], key=lambda line: line.at, reverse=True),
        )
        for one in sorted(currencies, key=lambda one: (one != currency, one))
    ]


def refs(uow: UnitOfWork, earned: Sequence[Earnings]) -> dict[int, str]:
    """Repair id -> reference, of every line."""
    wanted = {line.repair_id for one in earned for line in one.lines} - {None}
    rows = uow.session.execute(select(Repair.id, Repair.ref).where(Repair.id.in_(wanted)))
    return {row.id: row.ref for row in rows}
