"""Commands on expenses. What they leave of a repair's revenue is told by `crm/financials`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.numbers import UnknownCurrencyError, validate_currency

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.money import MOST_MINOR
from crm.core.uow import UnitOfWork
from crm.expenses.models import KINDS, Expense
from crm.files.models import File

EARLIEST = date(2000, 1, 1)
# Words about an expense; what it cost, when and for whom is corrected by voiding it.
WORDS = ("label", "supplier", "note", "file_id")


@dataclass(frozen=True)
class NewExpense:
    """repair_id or customer_id or neither. amount_minor: gross, tax_minor the reclaimed part.

    spent_on: in the shop's zone. file_id: a file of the same repair.
    """

    kind: str
    label: str
    amount_minor: int
    currency: str
    spent_on: date
    tax_minor: int = 0
    repair_id: int | None = None
    customer_id: int | None = None
    supplier: str = ""
    note: str = ""
    file_id: int | None = None


def add(uow: UnitOfWork, new: NewExpense, actor: Actor, *, today: date) -> Expense:
    """today: of the shop's calendar; nothing is spent later. Raises Invalid by field."""
    if faults := _faults(new, today):
        raise Invalid("this is no expense", errors=faults)
    _check_file(uow, new.file_id, new.repair_id)
    expense = Expense(**vars(new), created_by=actor.name, created_at=uow.now)
    uow.session.add(expense)
    uow.session.flush()
    return expense


def change(uow: UnitOfWork, expense_id: int, words: Mapping[str, Any], actor: Actor) -> Expense:
    """words: some of `WORDS`; audited. Raises NotFound, Conflict (`expense-voided`), Invalid."""
    expense = _standing(uow, expense_id)
    if "file_id" in words:
        _check_file(uow, words["file_id"], expense.repair_id)
    for name in WORDS:
        if name in words:
            setattr(expense, name, words[name])
    audit.write(uow, actor, "expense.change", f"expense/{expense.id}", {"fields": sorted(words)})
    uow.session.flush()
    return expense


def void(uow: UnitOfWork, expense_id: int, reason: str, actor: Actor) -> Expense:
    """It no longer counts, and stays to be seen; audited.

    Raises NotFound, Conflict (`expense-voided`).
    """
    expense = _standing(uow, expense_id)
    expense.voided_at, expense.voided_by, expense.void_reason = uow.now, actor.name, reason
    audit.write(uow, actor, "expense.void", f"expense/{expense.id}", {"reason": reason})
    uow.session.flush()
    return expense


def _faults(new: NewExpense, today: date) -> dict[str, list[str]]:
    faults = {}
    if new.kind not in KINDS:
        faults["kind"] = [f"One of: {', '.join(KINDS)}."]
    if not 0 < new.amount_minor <= MOST_MINOR:
        faults["amount_minor"] = [f"From 1 to {MOST_MINOR}."]
    if not 0 <= new.tax_minor <= new.amount_minor:
        faults["tax_minor"] = ["From 0 to the amount: it is a part of it."]
    if not EARLIEST <= new.spent_on <= today:
        faults["spent_on"] = ["From 2000 to today."]
    if new.repair_id is not None and new.customer_id is not None:
        faults["customer"] = ["A repair knows its customer; give one of them."]
    try:
        validate_currency(new.currency)
    except UnknownCurrencyError:
        faults["currency"] = ["Not an ISO 4217 code."]
    return faults


def _check_file(uow: UnitOfWork, file_id: int | None, repair_id: int | None) -> None:
    if file_id is None:
        return
    file = uow.session.get(File, file_id)
    if file is None or repair_id is None or file.repair_id != repair_id:
        raise Invalid("no such receipt", errors={"file": ["Not a file of this repair."]})


def _standing(uow: UnitOfWork, expense_id: int) -> Expense:
    expense = uow.session.get(Expense, expense_id, with_for_update=True)
    if expense is None:
        raise NotFound("no such expense")
    if expense.voided_at is not None:
        raise Conflict("this expense was voided", code="expense-voided")
    return expense
