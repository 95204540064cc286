"""What a repair and a customer earned, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.api.fields import Moment
from bridge.auth import allow
from bridge.context import here
from crm.customers import queries as customer_queries
from crm.customers import service as customers
from crm.financials import queries, rules
from crm.financials.queries import Earnings
from crm.repairs import queries as repairs

blp = Blueprint("financials", __name__, url_prefix="/api/v1", description="Earnings")

REF = "<string(maxlength=40):ref>"


class EarningsLine(Schema):
    """kind: `revenue credit dispute fee expense time`. net_minor: what it adds to the margin, less
    than 0 where it takes from it. tax_minor: beside it, less than 0 where it is reclaimed."""

    kind = fields.String()
    source = fields.String()
    label = fields.String()
    net_minor = fields.Integer()
    tax_minor = fields.Integer()
    repair = fields.String(allow_none=True)
    at = Moment()


class EarningsOf(Schema):
    """All in the smallest unit of `currency`.

    revenue_minor: net of tax, less credit notes and lost disputes. fees_minor: kept by the payment
    provider. expenses_minor: less the tax reclaimed on them. time_minor: null while technicians'
    time is not costed. open_minor: owed on invoices. held_minor: the customer's money not yet
    earned. refunded_minor: given back or on its way. lines: newest first; while `is_complete` they
    add up to margin_minor, else the oldest are left out. margin_percent: of the revenue.
    """

    currency = fields.String()
    invoiced_minor = fields.Integer()
    credited_minor = fields.Integer()
    revenue_minor = fields.Integer()
    tax_minor = fields.Integer()
    fees_minor = fields.Integer()
    expenses_minor = fields.Integer()
    expenses_tax_minor = fields.Integer()
    time_minor = fields.Integer(allow_none=True)
    margin_minor = fields.Integer()
    margin_percent = fields.Float(allow_none=True)
    open_minor = fields.Integer()
    held_minor = fields.Integer()
    paid_minor = fields.Integer()
    refunded_minor = fields.Integer()
    disputed_minor = fields.Integer()
    lines = fields.List(fields.Nested(EarningsLine))
    is_complete = fields.Boolean()


class RepairFinancials(Schema):
    """currencies: never added together, the repair's own first."""

    repair = fields.String()
    customer = fields.String(allow_none=True)
    currencies = fields.List(fields.Nested(EarningsOf))


class CustomerFinancials(Schema):
    """currencies: never added together, the shop's own first."""

    customer = fields.String()
    currencies = fields.List(fields.Nested(EarningsOf))


@blp.route(f"/repairs/{REF}/financials", methods=["GET"])
@allow("financials.read")
@blp.response(200, RepairFinancials)
def repair_financials(ref):
    """What a repair earned, explained line by line"""
    with here().units() as uow:
        repair = repairs.by_ref(uow, ref)
        earned = queries.repair(uow, repair.id, here().shop.timezone)
        people = customer_queries.refs(uow, [repair.customer_id])
        return {
            "repair": repair.ref,
            "customer": people.get(repair.customer_id),
            "currencies": _earned(earned, {repair.id: repair.ref}),
        }


@blp.route(f"/customers/{REF}/financials", methods=["GET"])
@allow("financials.read")
@blp.response(200, CustomerFinancials)
def customer_financials(ref):
    """What a customer earned the shop, over all repairs, explained line by line"""
    shop = here().shop
    with here().units() as uow:
        customer = customers.by_ref(uow, ref)
        earned = queries.customer(uow, customer.id, shop.timezone, shop.currency)
        refs = queries.refs(uow, earned)
        return {"customer": customer.ref, "currencies": _earned(earned, refs)}


def _earned(earned: Sequence[Earnings], refs: Mapping[int, str]) -> list[dict[str, Any]]:
    is_costed = rules.rules().hourly_cost is not None
    return [
        {
            **vars(one.money),
            "expenses_minor": one.expenses.net_minor,
            "expenses_tax_minor": one.expenses.tax_minor,
            "time_minor": one.time_minor if is_costed else None,
            "margin_minor": one.margin_minor,
            "margin_percent": one.margin_percent,
            "lines": [vars(line) | {"repair": refs.get(line.repair_id)} for line in one.lines],
            "is_complete": one.is_complete,
        }
        for one in earned
    ]
