"""Sheets for the accountant as CSV: written a batch at a time, so that a year costs no memory.

Each is audited before its first byte, and each batch is read in a unit of its own: a slow line keeps
no transaction open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validate

from bridge.api.base import Blueprint
from bridge.api.fields import Strict, Text, Whole, one_of
from bridge.api.periods import Period, checked
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import audit
from crm.core.money import BASIS_POINTS
from crm.core.uow import UnitOfWork, Units
from crm.financials import sheets
from crm.financials.receivables import NAMES as AGES
from crm.financials.sheets import Chosen, Sheet
from crm.financials.taxes import DOCUMENTS
from crm.financials.within import Within
from crm.locations import queries as locations
from crm.payments.rules import ACCOUNTS

PREFIX = "/api/v1/exports"
CSV = {"schema": {"type": "string"}, "content_type": "text/csv"}

blp = Blueprint("exports", __name__, url_prefix=PREFIX, description="Sheets for the accountant")


class Accounts(fields.String):
    """Accounts of the ledger, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple:
        names = tuple(super()._deserialize(value, attr, data, **kwargs).split(","))
        if unknown := set(names) - set(ACCOUNTS):
            raise ValidationError(f"Unknown: {len(unknown)}. Known: {', '.join(ACCOUNTS)}.")
        return names


class Scope(Period):
    """location: slug; what belongs to no repair booked there is left out. currency: one alone."""

    location = Text(100)
    currency = Text(3, at_least=3)


class LedgerSheetQuery(Scope):
    """cause: what an entry was posted for."""

    account = Accounts(validate=validate.Length(min=1, max=len(ACCOUNTS)))
    cause = Text(40)


class InvoiceSheetQuery(Scope):
    """tax, tax_bp: a rate's parts of documents alone."""

    kind = one_of(*DOCUMENTS)
    tax = Text(40)
    tax_bp = Whole(0, BASIS_POINTS)


class ReceivableSheetQuery(Strict):
    """until: the day as whose end the sheet is true."""

    until = fields.Date(data_key="to")
    location = Text(100)
    currency = Text(3, at_least=3)
    age = one_of(*AGES)


@blp.route("/ledger.csv", methods=["GET"])
@allow("exports.read")
@blp.arguments(LedgerSheetQuery, location="query")
@blp.response(200, **CSV)
def export_ledger(query):
    """Entries of the ledger, oldest first; the amounts of a transaction add up to nothing"""
    return _sheet(sheets.LEDGER, query)


@blp.route("/invoices.csv", methods=["GET"])
@allow("exports.read")
@blp.arguments(InvoiceSheetQuery, location="query")
@blp.response(200, **CSV)
def export_invoices(query):
    """Invoices and credit notes, a row for each rate of tax; a credit note takes away"""
    return _sheet(sheets.INVOICES, query)


@blp.route("/receivables.csv", methods=["GET"])
@allow("exports.read")
@blp.arguments(ReceivableSheetQuery, location="query")
@blp.response(200, **CSV)
def export_receivables(query):
    """What is owed on invoices as a day ends, the oldest first"""
    return _sheet(sheets.RECEIVABLES, query)


@blp.route("/expenses.csv", methods=["GET"])
@allow("exports.read")
@blp.arguments(Scope, location="query")
@blp.response(200, **CSV)
def export_expenses(query):
    """Expenses that count, by day"""
    return _sheet(sheets.EXPENSES, query)


def location_id(uow: UnitOfWork, query: dict[str, Any]) -> int | None:
    """Raises NotFound."""
    return locations.by_slug(uow, query["location"]).id if "location" in query else None


def _sheet(sheet: Sheet, query: dict[str, Any]) -> Response:
    context = here()
    since, until = checked(query)
    with context.units() as uow:
        today = uow.now.astimezone(context.shop.timezone).date()
        chosen = Chosen(
            Within(
                since,
                until or max(today, since or today),
                context.shop.timezone,
                location_id(uow, query),
                query.get("currency"),
            ),
            accounts=query.get("account", ()),
            **{name: query[name] for name in ("cause", "kind", "tax", "tax_bp", "age")
               if name in query},
        )  # fmt: skip
        told = {name: str(value) for name, value in query.items()}
        audit.write(uow, principal().actor, "export.read", f"{sheet.name}.csv", told)
    response = Response(_written(context.units, sheet, chosen), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename={sheet.name}.csv"
    response.headers["Cache-Control"] = "no-store"
    return response


def _written(units: Units, sheet: Sheet, chosen: Chosen) -> Iterator[str]:
    yield sheets.text([sheet.columns])
    position: Any = None
    while True:
        with units() as uow:
            rows, position = sheet.read(uow, chosen, position)
        yield sheets.text(rows)
        if position is None:
            return
