"""Expenses: added, described and voided, never deleted."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Moment, Strict, Text, Whole, one_of
from bridge.api.periods import Period, checked
from bridge.api.whose import whose
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid, NotFound
from crm.core.money import MOST_MINOR
from crm.core.uow import UnitOfWork
from crm.customers import queries as customer_queries
from crm.customers import service as customers
from crm.expenses import queries, service
from crm.expenses.models import KINDS
from crm.expenses.models import Expense as ExpenseRow
from crm.expenses.service import NewExpense
from crm.files import service as files
from crm.files.models import File
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blp = Blueprint("expenses", __name__, url_prefix="/api/v1/expenses", description="Expenses")

EXPENSE = f"<int(max={MOST_BIGINT}):expense_id>"


class ExpenseRequest(Strict):
    """repair or customer, or neither for what the shop spends at large.

    amount_minor: gross, in the smallest unit of `currency`; tax_minor: the part of it that the shop
    reclaims. currency: left out, the shop's. spent_on: a day of the shop's calendar; left out,
    today. file: the receipt, a file of the repair.
    """

    repair = Text(40)
    customer = Text(40)
    kind = one_of(*KINDS, required=True)
    label = Text(200, required=True)
    amount_minor = Whole(1, MOST_MINOR, required=True)
    tax_minor = Whole(0, MOST_MINOR, load_default=0)
    currency = Text(3, at_least=3)
    spent_on = fields.Date()
    supplier = Text(200, at_least=0, load_default="")
    note = Text(2000, at_least=0, load_default="")
    file = Text(100)


class ExpenseWords(Strict):
    """What may be changed. What it cost, when and for whom is corrected by voiding it."""

    label = Text(200)
    supplier = Text(200, at_least=0)
    note = Text(2000, at_least=0)
    file = Text(100, allow_none=True)


class ExpenseVoiding(Strict):
    reason = Text(500, required=True)


class ExpenseQuery(ListQuery, Period):
    """customer: their repairs' expenses too. is_voided: those that no longer count."""

    repair = Text(40)
    customer = Text(40)
    kind = one_of(*KINDS)
    currency = Text(3, at_least=3)
    is_voided = fields.Boolean(load_default=False)


class Expense(Schema):
    """customer: of the repair, where there is one. It counts while `voided_at` is null."""

    id = fields.Integer()
    repair = fields.String(allow_none=True)
    customer = fields.String(allow_none=True)
    kind = fields.String()
    label = fields.String()
    amount_minor = fields.Integer()
    tax_minor = fields.Integer()
    net_minor = fields.Integer()
    currency = fields.String()
    spent_on = fields.Date()
    supplier = fields.String()
    note = fields.String()
    file = fields.String(allow_none=True)
    created_by = fields.String()
    created_at = Moment()
    voided_at = Moment(allow_none=True)
    voided_by = fields.String(allow_none=True)
    void_reason = fields.String(allow_none=True)


@blp.route("", methods=["GET"])
@allow("expenses.read")
@blp.arguments(ExpenseQuery, location="query")
@blp.response(200, list_of(Expense))
def list_expenses(query):
    """Expenses that count, the latest day first"""
    since, until = checked(query)
    with here().units() as uow:
        read = partial(
            queries.listed,
            uow,
            **whose(uow, query),
            kind=query.get("kind"),
            currency=query.get("currency"),
            since=since,
            until=until,
            is_voided=query["is_voided"],
        )
        return paged(query, read, partial(_shown, uow))


@blp.route("", methods=["POST"])
@allow("expenses.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(ExpenseRequest)
@blp.response(201, Expense)
def add_expense(body):
    """Add an expense"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        today = uow.now.astimezone(here().shop.timezone).date()
        new = NewExpense(
            **{name: body[name] for name in
               ("kind", "label", "amount_minor", "tax_minor", "supplier", "note")},
            **_subject(uow, body),
            currency=body.get("currency", here().shop.currency),
            spent_on=body.get("spent_on", today),
            file_id=_file_id(uow, body.get("file")),
        )  # fmt: skip
        return _shown(uow, service.add(uow, new, principal().actor, today=today))

    return create(Expense, work)


@blp.route(f"/{EXPENSE}", methods=["GET"])
@allow("expenses.read")
@blp.response(200, Expense)
def show_expense(expense_id):
    """One expense, voided or not"""
    with here().units() as uow:
        return _shown(uow, queries.by_id(uow, expense_id))


@blp.route(f"/{EXPENSE}", methods=["PATCH"])
@allow("expenses.write")
@blp.arguments(ExpenseWords)
@blp.response(200, Expense)
def change_expense(body, expense_id):
    """Change the words about an expense; audited"""
    if not body:
        raise Invalid("nothing to change")
    with here().units() as uow:
        words = {name: value for name, value in body.items() if name != "file"}
        if "file" in body:
            words["file_id"] = _file_id(uow, body["file"])
        return _shown(uow, service.change(uow, expense_id, words, principal().actor))


@blp.route(f"/{EXPENSE}/void", methods=["POST"])
@allow("expenses.void")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(ExpenseVoiding)
@blp.response(200, Expense)
def void_expense(body, expense_id):
    """Let an expense no longer count, with a reason; audited"""
    return create(
        Expense,
        lambda uow: _shown(uow, service.void(uow, expense_id, body["reason"], principal().actor)),
        status=200,
    )


@blp.route(f"/{EXPENSE}", methods=["DELETE"])
@allow("expenses.void")
@blp.response(204)
def delete_expense(expense_id):
    """Void an expense without a reason of its own: it stays to be seen"""
    with here().units() as uow:
        service.void(uow, expense_id, "deleted", principal().actor)


def _subject(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, int]:
    """A customer named beside the repair has to be the repair's, and adds nothing to it."""
    customer_id = customers.by_ref(uow, body["customer"]).id if "customer" in body else None
    if "repair" in body:
        repair = repairs.by_ref(uow, body["repair"])
        if customer_id not in (None, repair.customer_id):
            told = ["Not the customer of this repair."]
            raise Invalid("this is no expense", errors={"customer": told})
        return {"repair_id": repair.id}
    return {} if customer_id is None else {"customer_id": customer_id}


def _file_id(uow: UnitOfWork, key: str | None) -> int | None:
    if key is None:
        return None
    try:
        return files.by_key(uow, key).id
    except NotFound as error:
        raise Invalid("no such receipt", errors={"file": ["No such file."]}) from error


def _shown(uow: UnitOfWork, expense: ExpenseRow) -> dict[str, Any]:
    """An expense as `Expense` dumps it."""
    told = {column.key: getattr(expense, column.key) for column in ExpenseRow.__table__.columns}
    repair = uow.session.get(Repair, expense.repair_id) if expense.repair_id else None
    file = uow.session.get(File, expense.file_id) if expense.file_id else None
    customer_id = repair.customer_id if repair else expense.customer_id
    return told | {
        "net_minor": expense.net_minor,
        "repair": repair.ref if repair else None,
        "customer": customer_queries.refs(uow, [customer_id]).get(customer_id),
        "file": file.key if file else None,
    }
