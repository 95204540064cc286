"""Fields of requests and answers: every text has a length, every number fits its column.

PostgreSQL refuses NUL and lone surrogates and integers past 64 bits; here the caller learns which
field it was.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from crm.core import clock

MOST_BIGINT = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Strict(Schema):
    """What we take: an unknown field is a mistake, not a wish."""

    class Meta:
        unknown = RAISE


class Text(fields.String):
    """at_most, at_least: length in characters."""

    def __init__(self, at_most: int, *, at_least: int = 1, **kwargs: Any):
        length = validate.Length(min=at_least, max=at_most)
        more = kwargs.pop("validate", [])
        super().__init__(validate=[length, *(more if isinstance(more, list) else [more])], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _UNSTORABLE.search(text):
            raise ValidationError("Contains characters that cannot be stored.")
        return text


class Whole(fields.Integer):
    """A whole number, also as plain digits in a query; never true, 1.5 or 1e3."""

    def __init__(self, low: int = -MOST_BIGINT, high: int = MOST_BIGINT, **kwargs: Any):
        super().__init__(validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.make_error("invalid")
        if isinstance(value, str) and not _WHOLE.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Flag(fields.Boolean):
    """true or false as JSON has them; never "yes", "0" or 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Moment(fields.AwareDateTime):
    """ISO 8601 with a zone; inside always UTC."""

    def __init__(self, **kwargs: Any):
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        moment = super()._deserialize(value, attr, data, **kwargs)
        try:
            return moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("Not a moment in time.") from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return clock.iso(value)


def one_of(*words: str, **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **kwargs)
