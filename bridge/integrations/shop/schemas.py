"""Bodies of shop events (interface.md, "Shop events"). A body that does not fit is refused at the door
with the fields named; unknown fields are dropped, since senders grow.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    pre_load,
    validate,
    validates_schema,
)

from crm.customers.rules import is_e164
from crm.repairs.status_maps import MOST_NAME
from crm.repairs.statuses import RepairStatus

MOST_NUMBER = 2**63 - 1
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


class Text(fields.String):
    """Text of limited length without NUL and lone surrogates, which no store takes."""

    def __init__(self, most: int, least: int = 0, **kwargs: Any):
        super().__init__(validate=validate.Length(least, most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _UNSAFE.search(text):
            raise ValidationError("Contains a character that cannot be stored.")
        return text.strip()


class Shape(Schema):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def _objects_only(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Must be an object.")
        return data


def number(**kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(0, MOST_NUMBER), **kwargs)


def moment() -> fields.AwareDateTime:
    """When it happened; no repair is older than the trade, and no clock so far ahead."""
    sane = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    return fields.AwareDateTime(load_default=None, allow_none=True, validate=sane)


class Phone(Text):
    def __init__(self, **kwargs: Any):
        super().__init__(20, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        phone = super()._deserialize(value, attr, data, **kwargs)
        if not is_e164(phone):
            raise ValidationError("Not an E.164 phone number: use +, country code, number.")
        return phone


class Customer(Shape):
    name = Text(255, load_default="")
    email = fields.Email(validate=validate.Length(max=255), load_default=None, allow_none=True)
    phone = Phone(load_default=None, allow_none=True)
    locale = Text(12, load_default=None, allow_none=True)


class NamedRepair(Shape):
    """A repair by our `ref` or the shop's own `external_id`."""

    ref = Text(40, load_default=None, allow_none=True)
    external_id = Text(255, 1, load_default=None, allow_none=True)
    occurred_at = moment()
    note = Text(2000, load_default=None, allow_none=True)
    internal_note = Text(2000, load_default=None, allow_none=True)

    @validates_schema
    def _named(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("ref") and not data.get("external_id"):
            raise ValidationError("Name the repair by ref or external_id.", "ref")


class StatusFields(Shape):
    """What a status update says, whoever posts it; the API's `/updates` takes the same."""

    status = fields.Enum(RepairStatus, by_value=True, required=True)
    version = number(load_default=None, allow_none=True)
    occurred_at = moment()
    note = Text(2000, load_default=None, allow_none=True)
    internal_note = Text(2000, load_default=None, allow_none=True)
    technician = Text(255, load_default=None, allow_none=True)
    estimated_completion = fields.Date(load_default=None, allow_none=True)
    reason = Text(2000, load_default=None, allow_none=True)


class StatusChanged(NamedRepair, StatusFields):
    """status: as the shop system calls it; `verify.read` finds out what it means."""

    status = Text(MOST_NAME, 1, required=True)


class RepairCreated(Shape):
    """external_id: the shop's own number. ticket, conversation_id: where it is talked about."""

    external_id = Text(255, 1, required=True)
    device = Text(255, load_default="")
    problem = Text(2000, load_default="")
    status = Text(MOST_NAME, 1, load_default=RepairStatus.RECEIVED.value)
    version = number(load_default=None, allow_none=True)
    occurred_at = moment()
    note = Text(2000, load_default=None, allow_none=True)
    technician = Text(255, load_default=None, allow_none=True)
    estimated_completion = fields.Date(load_default=None, allow_none=True)
    estimate_minor = number(load_default=None, allow_none=True)
    customer = fields.Nested(Customer, load_default=None, allow_none=True)
    ticket = Text(40, load_default=None, allow_none=True)
    conversation_id = number(load_default=None, allow_none=True)


class NoteAdded(NamedRepair):
    pass


class EstimateChanged(NamedRepair):
    estimated_completion = fields.Date(load_default=None, allow_none=True)
    estimate_minor = number(load_default=None, allow_none=True)


class PartMoved(NamedRepair):
    part = Text(255, 1, required=True)
    expected_on = fields.Date(load_default=None, allow_none=True)


DATA: dict[str, Schema] = {
    "repair.created": RepairCreated(),
    "repair.status_changed": StatusChanged(),
    "repair.note_added": NoteAdded(),
    "repair.estimate_changed": EstimateChanged(),
    "part.ordered": PartMoved(),
    "part.arrived": PartMoved(),
}
