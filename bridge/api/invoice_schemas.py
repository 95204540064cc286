"""What requests for documents say, and how documents are shown."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bridge.api import periods
from bridge.api.base import ListQuery
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from crm.core.money import MOST_MINOR
from crm.invoices import taxes
from crm.invoices.content import MOST_LINES as MOST_FROZEN
from crm.invoices.models import KINDS

MOST_LINES, MOST_QUANTITY = 200, 9999
LINE_KINDS = ("work", "part", "other", "discount")


class InvoiceQuery(ListQuery, periods.Period):
    """from, to: days of the shop's calendar on which they were issued."""

    repair = Text(40)
    customer = Text(40)
    kind = one_of(*KINDS)


class InvoiceLineRequest(Strict):
    """unit_minor: of one, with tax where the shop's prices hold it; below 0 for a discount alone.

    tax: left out, the shop's usual one.
    """

    label = Text(200, required=True)
    unit_minor = Whole(-MOST_MINOR, MOST_MINOR, required=True)
    quantity = Whole(1, MOST_QUANTITY, load_default=1)
    tax = one_of(*taxes.codes(), load_default=taxes.default())
    kind = one_of(*LINE_KINDS, load_default="work")


class InvoiceBuyer(Strict):
    """Whom a full invoice is made out to."""

    name = Text(200, required=True)
    address = fields.List(Text(100), load_default=list, validate=validate.Length(max=6))
    vat_number = Text(30, allow_none=True, load_default=None)


class InvoiceRequest(Strict):
    """Of a repair, or of a customer. buyer: given, the invoice takes its full form.

    currency: left out, the repair's or the shop's. supplied_on: left out, today. locale: left out,
    the customer's. is_additional: also where the repair was invoiced before, which is a mistake most of
    the time.
    """

    repair = Text(40)
    customer = Text(40)
    lines = fields.List(
        fields.Nested(InvoiceLineRequest),
        required=True,
        validate=validate.Length(min=1, max=MOST_LINES),
    )
    buyer = fields.Nested(InvoiceBuyer)
    currency = Text(3, at_least=3)
    locale = Text(35)
    is_additional = Flag(load_default=False)
    supplied_on = fields.Date()
    due_on = fields.Date()
    note = Text(1000, at_least=0, load_default="")


class CreditedLine(Strict):
    """line: its position in the invoice, from 0. amount_minor: gross; below 0 for a discount."""

    line = Whole(0, MOST_FROZEN - 1, required=True)
    amount_minor = Whole(-MOST_MINOR, MOST_MINOR, required=True)


class CreditNoteRequest(Strict):
    lines = fields.List(
        fields.Nested(CreditedLine), required=True, validate=validate.Length(min=1, max=MOST_FROZEN)
    )
    reason = Text(500, required=True)


class Invoice(Schema):
    """kind: `invoice credit_note receipt`; total_minor is positive for all. corrects: a number."""

    number = fields.String()
    kind = fields.String()
    form = fields.String()
    repair = fields.String(allow_none=True)
    customer = fields.String(allow_none=True)
    corrects = fields.String(allow_none=True)
    currency = fields.String()
    net_minor = fields.Integer()
    tax_minor = fields.Integer()
    total_minor = fields.Integer()
    issued_at = Moment()
    supplied_on = fields.Date(allow_none=True)
    due_on = fields.Date(allow_none=True)
    issued_by = fields.String()


class InvoiceLine(Schema):
    """credited_minor: gross given back so far."""

    label = fields.String()
    kind = fields.String()
    quantity = fields.Integer()
    unit_minor = fields.Integer()
    tax = fields.String()
    tax_bp = fields.Integer()
    gross_minor = fields.Integer()
    credited_minor = fields.Integer()


class InvoiceTax(Schema):
    tax = fields.String()
    tax_bp = fields.Integer()
    net_minor = fields.Integer()
    tax_minor = fields.Integer()
    gross_minor = fields.Integer()


class InvoiceWhole(Invoice):
    """digest: SHA-256 of what is frozen. url: where the customer opens the PDF."""

    seller = fields.Dict()
    buyer = fields.Dict(allow_none=True)
    lines = fields.List(fields.Nested(InvoiceLine))
    by_rate = fields.List(fields.Nested(InvoiceTax))
    notes = fields.List(fields.String())
    credit_notes = fields.List(fields.String())
    digest = fields.String()
    url = fields.String()
