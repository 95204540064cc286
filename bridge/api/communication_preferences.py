"""What a customer wishes of our messages, as staff read and change it.

Customers do the same on `/preferences/<token>` (`bridge/pages/preferences.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bridge.api.base import Blueprint
from bridge.api.fields import Flag, Moment, Strict, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.core.hours import read_clock
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.notifications import preferences, texts
from crm.notifications.rules import CHANNELS, Frequency, Hours

blp = Blueprint(
    "communication-preferences", __name__, url_prefix="/api/v1/customers",
    description="What customers wish of messages",
)  # fmt: skip

PATH = "/<string(maxlength=40):ref>/communication-preferences"


class Clock(fields.String):
    """`HH:MM` on the shop's clock."""

    def _serialize(
        self, value: time | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return value.strftime("%H:%M") if value is not None else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> time:
        try:
            return read_clock(super()._deserialize(value, attr, data, **kwargs))
        except ValueError as error:
            raise ValidationError("Give a time of day as HH:MM.") from error


def each_once(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValidationError("Name each channel once.")


def some_channels(**kwargs: Any) -> fields.List:
    """Channels, each at most once."""
    most = validate.Length(max=len(CHANNELS))
    return fields.List(one_of(*CHANNELS), validate=[most, each_once], **kwargs)


class PreferredHours(Strict):
    """`to` before `from` runs past midnight. For any time of day give null in place of hours."""

    class Meta(Strict.Meta):
        include = {"from": Clock(required=True, attribute="start")}

    to = Clock(required=True, attribute="end")


class PreferencesChange(Strict):
    """What is not given stays. channels: tried first, in this order. blocked: never used.

    hours: null for any time. language: of messages and pages. marketing: null leaves what they said.
    """

    channels = some_channels()
    blocked = some_channels()
    hours = fields.Nested(PreferredHours, allow_none=True)
    frequency = one_of(*Frequency)
    language = one_of(*texts.LOCALES)
    marketing = Flag(allow_none=True)


class Preferences(Schema):
    """is_default: they never chose. marketing_at, marketing_by: when that was said, and by whom."""

    customer = fields.String()
    is_default = fields.Boolean()
    channels = fields.List(fields.String())
    blocked = fields.List(fields.String())
    hours = fields.Nested(PreferredHours, allow_none=True)
    frequency = one_of(*Frequency)
    language = fields.String()
    marketing = fields.Boolean(allow_none=True)
    marketing_at = Moment(allow_none=True)
    marketing_by = fields.String(allow_none=True)
    updated_at = Moment(allow_none=True)
    updated_by = fields.String(allow_none=True)


@blp.route(PATH, methods=["GET"])
@allow("customers.read")
@blp.response(200, Preferences)
def show_preferences(ref):
    """How, when and how often a customer wants to hear from us"""
    with here().units() as uow:
        return _shown(uow, customers.by_ref(uow, ref))


@blp.route(PATH, methods=["PUT", "PATCH"])
@allow("customers.write")
@blp.arguments(PreferencesChange)
@blp.response(200, Preferences)
def change_preferences(body, ref):
    """Change it; what waits to leave is decided anew. Audited"""
    if not body:
        raise Invalid("nothing to change")
    language = body.pop("language", None)
    if body.get("hours"):
        body["hours"] = Hours(**body["hours"])
    with here().units() as uow:
        customer = customers.by_ref(uow, ref)
        wishes = preferences.locked(uow, customer.id)
        wishes = replace(wishes, **{name: _frozen(value) for name, value in body.items()})
        if language is not None:
            customers.update(uow, ref, {"locale": language}, principal().actor)
        preferences.change(uow, customer.id, wishes, principal().actor)
        return _shown(uow, customer)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _shown(uow: UnitOfWork, customer: Customer) -> dict[str, Any]:
    wishes = preferences.wishes_of(uow, customer.id)
    row, said = preferences.read(uow, customer.id), preferences.consent(uow, customer.id)
    return {
        "customer": customer.ref,
        "is_default": row is None,
        "channels": wishes.channels,
        "blocked": wishes.blocked,
        "hours": wishes.hours,
        "frequency": wishes.frequency,
        "language": texts.closest(customer.locale, here().shop.locale),
        "marketing": wishes.marketing,
        **{name: getattr(said, name, None) for name in ("marketing_at", "marketing_by")},
        **{name: getattr(row, name, None) for name in ("updated_at", "updated_by")},
    }
