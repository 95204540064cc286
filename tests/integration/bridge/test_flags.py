"""A Boolean in a JSON body is true or false, on every route: "yes", "0" and 1 are mistakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from marshmallow import Schema, ValidationError, fields

from bridge.api.fields import Flag


class _One(Schema):
    is_on = Flag(allow_none=True)


@pytest.mark.parametrize("wrong", ["yes", "true", "0", "", 1, 0, 1.0, [], {}, "💥", "\0"])
def test_what_is_no_flag(wrong):
    with pytest.raises(ValidationError):
        _One().load({"is_on": wrong})


@pytest.mark.parametrize("right", [True, False, None])
def test_what_is_one(right):
    assert _One().load({"is_on": right}) == {"is_on": right}


def booleans(schema: Schema) -> Iterator[tuple[str, fields.Field]]:
    for name, field in schema.fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from booleans(inner.schema)
        elif isinstance(inner, fields.Boolean):
            yield name, inner


def test_every_body_has_flags_only(app: Flask):
    found = []
    for endpoint, view in app.view_functions.items():
        for told in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ()):
            if told["in"] == "json":
                schema = told["schema"]
                whole = schema() if isinstance(schema, type) else schema
                found += [(endpoint, *one) for one in booleans(whole)]
    assert len(found) > 10
    loose = {endpoint for endpoint, _, field in found if not isinstance(field, Flag)}
    # The rules of estimates are read from a file as well, by a floor that knows no API.
    assert loose == {"catalog.write_rules"}
