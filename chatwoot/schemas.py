"""Webhook bodies as far as we read them (webhooks.md 6). Unknown keys are dropped.

Everything a visitor can write is hostile: texts are cut, NUL and lone surrogates removed, numbers
bounded. A value of the wrong type is a ValidationError naming its field.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

MOST_TEXT = 150_000
MOST_ID = 2**63 - 1
# No calendar of ours holds a moment that another zone puts before year 1 or after year 9999.
SANE_MOMENT = validate.Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


class Words(fields.String):
    """Text made safe for the database; longer than `most` is cut, not refused."""

    def __init__(self, most: int = 255, **kwargs: Any):
        super().__init__(**kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        return clean(text)[: self.most]


class Id(fields.Integer):
    def __init__(self, **kwargs: Any):
        super().__init__(strict=True, validate=validate.Range(1, MOST_ID), **kwargs)


class UnixSeconds(fields.Float):
    """Seconds since 1970 up to the year 9999; 0 means never."""

    def _validated(self, value: Any) -> float | None:
        if isinstance(value, (str, bool)):
            raise ValidationError("Not a number of seconds.")
        number = super()._validated(value)
        if number is not None and (not math.isfinite(number) or not 0 <= number < 253402300800):
            raise ValidationError("Not a moment in time.")
        return number


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def clean_tree(value: Any, depth: int = 6) -> Any:
    """Free JSON made safe to store: texts cleaned and cut, deep nesting dropped."""
    if isinstance(value, str):
        return clean(value)[:MOST_TEXT]
    if depth == 0 and isinstance(value, (dict, list)):
        return None
    if isinstance(value, dict):
        return {clean(str(k))[:255]: clean_tree(v, depth - 1) for k, v in list(value.items())[:200]}
    if isinstance(value, list):
        return [clean_tree(v, depth - 1) for v in value[:200]]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Body(Schema):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def _objects_only(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        return data


class Contact(Body):
    id = Id(required=True)
    name = Words(255, allow_none=True, load_default="")
    email = Words(255, allow_none=True, load_default=None)
    phone_number = Words(32, allow_none=True, load_default=None)
    identifier = Words(255, allow_none=True, load_default=None)
    additional_attributes = fields.Dict(load_default=dict, allow_none=True)


class Person(Body):
    """Somebody on the shop's side, or a bot."""

    id = Id(load_default=None, allow_none=True)
    name = Words(255, load_default="", allow_none=True)
    type = Words(40, load_default=None, allow_none=True)


class Meta(Body):
    sender = fields.Nested(Contact, load_default=None, allow_none=True)
    assignee = fields.Nested(Person, load_default=None, allow_none=True)
    hmac_verified = fields.Boolean(load_default=False, allow_none=True)
    channel = Words(64, load_default=None, allow_none=True)


class LastMessage(Body):
    id = Id(required=True)
    status = Words(20, load_default=None, allow_none=True)


class Conversation(Body):
    id = Id(required=True)
    inbox_id = Id(load_default=None, allow_none=True)
    status = Words(20, required=True)
    channel = Words(64, load_default=None, allow_none=True)
    can_reply = fields.Boolean(load_default=True, allow_none=True)
    labels = fields.List(Words(255), load_default=list, allow_none=True)
    priority = Words(20, load_default=None, allow_none=True)
    additional_attributes = fields.Dict(load_default=dict, allow_none=True)
    meta = fields.Nested(Meta, required=True)
    messages = fields.List(fields.Nested(LastMessage), load_default=list, allow_none=True)
    updated_at = UnixSeconds(load_default=None, allow_none=True)
    last_activity_at = UnixSeconds(load_default=None, allow_none=True)
    timestamp = UnixSeconds(load_default=None, allow_none=True)


class Attachment(Body):
    id = Id(load_default=None, allow_none=True)
    file_type = Words(40, load_default="file", allow_none=True)
    extension = Words(40, load_default=None, allow_none=True)
    data_url = Words(4096, load_default=None, allow_none=True)
    file_size = fields.Integer(
        load_default=None, allow_none=True, validate=validate.Range(0, MOST_ID)
    )


class Message(Body):
    id = Id(required=True)
    message_type = Words(20, required=True)
    private = fields.Boolean(load_default=False, allow_none=True)
    content = Words(MOST_TEXT, load_default=None, allow_none=True)
    content_type = Words(40, load_default="text", allow_none=True)
    content_attributes = fields.Dict(load_default=dict, allow_none=True)
    source_id = Words(255, load_default=None, allow_none=True)
    created_at = fields.AwareDateTime(load_default=None, allow_none=True, validate=SANE_MOMENT)
    sender = fields.Nested(Person, load_default=None, allow_none=True)
    attachments = fields.List(fields.Nested(Attachment), load_default=list, allow_none=True)
    conversation = fields.Nested(Conversation, required=True)
