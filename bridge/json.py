"""JSON as the HTTP edge speaks it: read strictly, moments written as ISO 8601 UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask.json.provider import DefaultJSONProvider

from crm.core import clock
from crm.core.strictjson import parse


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return DefaultJSONProvider.default(value)


class JSONProvider(DefaultJSONProvider):
    default = staticmethod(_default)
    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return parse(s)
