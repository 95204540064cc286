"""The shop's money of a period: figures, each with the addresses of the rows it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.api.exports import PREFIX as EXPORTS
from bridge.api.exports import Scope, location_id
from bridge.api.periods import filled
from bridge.auth import allow
from bridge.context import here
from crm.financials import period
from crm.financials.period import Moved, PeriodMoney
from crm.financials.within import Within

blp = Blueprint("money", __name__, url_prefix="/api/v1", description="Money")

USUAL_DAYS = 30


class Figure(Schema):
    """rows: the addresses that list what it is made of."""

    amount_minor = fields.Integer()
    rows = fields.List(fields.String())


class CountedFigure(Figure):
    count = fields.Integer()


class MethodFigure(CountedFigure):
    method = fields.String()


class RateFigure(Figure):
    """tax: code of the rate; tax_bp: the rate, 2000 is 20 %. amount_minor: the tax itself."""

    tax = fields.String()
    tax_bp = fields.Integer()
    net_minor = fields.Integer()
    gross_minor = fields.Integer()


class AgeFigure(CountedFigure):
    """age: days since issue."""

    age = fields.String()


class MoneyOf(Schema):
    """receivables and held are as the period ends, all else is what happened within it.

    invoiced, credited: gross. revenue: net of tax, less credit notes and lost disputes. margin:
    revenue less fees and expenses, before technicians' time.
    """

    currency = fields.String()
    invoiced = fields.Nested(Figure)
    credited = fields.Nested(Figure)
    revenue = fields.Nested(Figure)
    tax = fields.Nested(Figure)
    tax_by_rate = fields.List(fields.Nested(RateFigure))
    received = fields.List(fields.Nested(MethodFigure))
    refunded = fields.List(fields.Nested(MethodFigure))
    fees = fields.Nested(Figure)
    expenses = fields.Nested(Figure)
    margin = fields.Nested(Figure)
    margin_percent = fields.Float(allow_none=True)
    receivables = fields.List(fields.Nested(AgeFigure))
    held = fields.Nested(Figure)


class MoneyFigures(Schema):
    """Days of the shop's calendar, both inclusive. currencies: never added together."""

    since = fields.Date(data_key="from")
    until = fields.Date(data_key="to")
    location = fields.String(allow_none=True)
    currencies = fields.List(fields.Nested(MoneyOf))


@blp.route("/analytics/money", methods=["GET"])
@allow("financials.read")
@blp.arguments(Scope, location="query")
@blp.response(200, MoneyFigures)
def money_figures(query):
    """Earned, received, given back, owed and held, each with the address of its rows"""
    shop = here().shop
    with here().units() as uow:
        today = uow.now.astimezone(shop.timezone).date()
        since, until = filled(query, today, USUAL_DAYS)
        within = Within(since, until, shop.timezone, location_id(uow, query), query.get("currency"))
        found = period.report(uow, within, shop.currency)
    link = _Links(query.get("location"), within)
    return {
        "since": since,
        "until": until,
        "location": query.get("location"),
        "currencies": [_money(one, link) for one in found],
    }


class _Links:
    """Addresses of rows: the same period, location and currency as the figure they make up."""

    def __init__(self, location: str | None, within: Within):
        self._location, self._within = location, within

    def __call__(self, sheet: str, currency: str, *, is_whole: bool = False, **chosen: Any) -> str:
        """is_whole: from the first entry on."""
        told = {
            "from": None if is_whole else self._within.since,
            "to": self._within.until,
            "location": self._location,
            "currency": currency,
            **chosen,
        }
        return (
            f"{EXPORTS}/{sheet}.csv?{urlencode({k: v for k, v in told.items() if v is not None})}"
        )


def _money(one: PeriodMoney, link: _Links) -> dict[str, Any]:
    """One currency's figures as `MoneyOf` dumps them."""
    money, currency = one.money, one.money.currency

    def ledger(account: str, **chosen: Any) -> str:
        return link("ledger", currency, account=account, **chosen)

    def moved(parts: Sequence[Moved], cause: str) -> list[dict[str, Any]]:
        return [vars(part) | {"rows": [ledger(part.method, cause=cause)]} for part in parts]

    documents = {kind: link("invoices", currency, kind=kind) for kind in ("invoice", "credit_note")}
    earned, fees = ledger("sales"), ledger("fees")
    spent = link("expenses", currency)
    return {
        "currency": currency,
        "invoiced": {"amount_minor": money.invoiced_minor, "rows": [documents["invoice"]]},
        "credited": {"amount_minor": money.credited_minor, "rows": [documents["credit_note"]]},
        "revenue": {"amount_minor": money.revenue_minor, "rows": [earned]},
        "tax": {"amount_minor": money.tax_minor, "rows": [ledger("tax")]},
        "tax_by_rate": [
            {
                "tax": part.tax,
                "tax_bp": part.tax_bp,
                "net_minor": part.net_minor,
                "gross_minor": part.gross_minor,
                "amount_minor": part.tax_minor,
                "rows": [link("invoices", currency, tax=part.tax, tax_bp=part.tax_bp)],
            }
            for part in one.by_rate
        ],
        "received": moved(one.received, "payment"),
        "refunded": moved(one.refunded, "refund"),
        "fees": {"amount_minor": money.fees_minor, "rows": [fees]},
        "expenses": {"amount_minor": one.expenses.net_minor, "rows": [spent]},
        "margin": {"amount_minor": one.margin_minor, "rows": [earned, fees, spent]},
        "margin_percent": one.margin_percent,
        "receivables": [
            vars(part) | {"rows": [link("receivables", currency, is_whole=True, age=part.age)]}
            for part in one.receivables
        ],
        "held": {
            "amount_minor": one.held_minor,
            "rows": [link("ledger", currency, is_whole=True, account="held")],
        },
    }
