"""What quotes look like in requests and answers; prices are of single lines only."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bridge.api.base import ListQuery
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from crm.core.money import MOST_MINOR
from crm.invoices import taxes
from crm.quotes import rules
from crm.quotes.rules import QuoteState


class QuoteLine(Strict):
    """unit_minor: as the shop writes prices; negative for a `discount` alone. tax: a code of the tax
    table. optional: the customer may leave it out."""

    label = Text(rules.LONGEST_LABEL, required=True)
    unit_minor = Whole(-MOST_MINOR, MOST_MINOR, required=True)
    quantity = Whole(1, rules.MOST_QUANTITY, load_default=1)
    tax = one_of(*taxes.codes())
    kind = one_of("work", "part", "other", "discount", load_default="work")
    slug = Text(100, at_least=0, load_default="")
    optional = Flag(load_default=False)


class QuoteOption(Strict):
    """Either lines, or the reference of an estimate whose price still holds."""

    name = Text(rules.LONGEST_LABEL, at_least=0, load_default="")
    note = Text(rules.LONGEST_NOTE, at_least=0, load_default="")
    estimate = Text(40)
    lines = fields.List(
        fields.Nested(QuoteLine), validate=validate.Length(min=1, max=rules.MOST_LINES)
    )


class QuoteContent(Strict):
    """deposit_minor: asked as soon as it is approved. overrun_percent: what the work may cost more
    before the customer is asked again."""

    title = Text(rules.LONGEST_LABEL, at_least=0, load_default="")
    note = Text(rules.LONGEST_NOTE, at_least=0, load_default="")
    deposit_minor = Whole(0, MOST_MINOR, load_default=0)
    overrun_percent = Whole(0, 100, load_default=rules.OVERRUN_BP // 100)
    options = fields.List(
        fields.Nested(QuoteOption),
        required=True,
        validate=validate.Length(min=1, max=rules.MOST_OPTIONS),
    )


class QuoteRequest(QuoteContent):
    repair = Text(40, required=True)


class QuoteApproval(Strict):
    """version: what the customer was told of. option: from 0. optional: places of the optional lines
    that are wanted; left out, all. words: how the customer agreed."""

    version = Whole(1, required=True)
    option = Whole(0, rules.MOST_OPTIONS, load_default=0)
    optional = fields.List(Whole(0, rules.MOST_LINES), validate=validate.Length(max=50))
    words = Text(rules.LONGEST_NOTE, required=True)


class QuoteRefusal(Strict):
    version = Whole(1, required=True)
    reason = Text(rules.LONGEST_NOTE, at_least=0, load_default="")


class ShownLine(Schema):
    """gross_minor: with tax. tax_bp: basis points, 2000 is 20 %."""

    label = fields.String()
    kind = fields.String()
    slug = fields.String()
    quantity = fields.Integer()
    unit_minor = fields.Integer()
    gross_minor = fields.Integer()
    tax = fields.String()
    tax_bp = fields.Integer()
    is_optional = fields.Boolean()


class ShownOption(Schema):
    """total_minor: with every optional line; lowest_minor: with none."""

    name = fields.String()
    note = fields.String()
    lines = fields.List(fields.Nested(ShownLine))
    total_minor = fields.Integer()
    lowest_minor = fields.Integer()
    tax_minor = fields.Integer()


class QuoteDecided(Schema):
    """What was decided, about which version, by whom and in which words."""

    decision = fields.String()
    version = fields.Integer()
    digest = fields.String()
    option = fields.Integer(allow_none=True)
    total_minor = fields.Integer(allow_none=True)
    by_kind = fields.String()
    by_name = fields.String()
    via = fields.String()
    words = fields.String()
    reason = fields.String()
    at = Moment()


class Quote(Schema):
    """digest: the hash of what the customer sees. url: the customer's page, once
    it was sent; for those who may send it."""

    ref = fields.String()
    repair = fields.String()
    state = fields.String()
    version = fields.Integer()
    digest = fields.String()
    currency = fields.String()
    title = fields.String()
    note = fields.String()
    deposit_minor = fields.Integer()
    overrun_percent = fields.Integer()
    options = fields.List(fields.Nested(ShownOption))
    url = fields.String(allow_none=True)
    created_at = Moment()
    created_by = fields.String()
    sent_at = Moment(allow_none=True)
    expires_at = Moment(allow_none=True)
    decided_at = Moment(allow_none=True)
    decision = fields.Nested(QuoteDecided, allow_none=True)


class QuoteQuery(ListQuery):
    state = one_of(*QuoteState)
    repair = Text(40)
