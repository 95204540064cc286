"""The OpenAPI description as a page to read: rendered here, no script, nothing from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask

from bridge.api.openapi import Api
from bridge.auth import public

_METHODS = ("get", "post", "put", "patch", "delete")


def blueprint(api: Api) -> flask.Blueprint:
    pages = flask.Blueprint("docs", __name__)

    @pages.get("/api/v1/docs")
    @public
    def docs() -> str:
        spec = api.description()
        return flask.render_template(
            "docs.html",
            info=spec["info"],
            groups=_groups(spec),
            events=_events(spec),
            schemas=_schemas(spec),
        )

    return pages


def _groups(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            operation = item[method]
            parameters = item.get("parameters", []) + operation.get("parameters", [])
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "parameters": [_parameter(one) for one in parameters],
                    "body": _body_name(operation.get("requestBody", {})),
                    "answers": [
                        (status, _body_name(answer))
                        for status, answer in operation.get("responses", {}).items()
                        if status != "default" and not status.startswith("4")
                    ],
                }
            )
    return groups


def _events(spec: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for kind, item in spec["webhooks"].items():
        body = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        summary = item["post"]["summary"]
        yield (
            kind,
            summary if summary != kind else "",
            list(body["properties"]["data"]["properties"]),
        )


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "place": one["in"],
        "type": _type_of(one.get("schema", {})),
        "required": one.get("required", False),
    }


def _body_name(holder: dict[str, Any]) -> str | None:
    for media in holder.get("content", {}).values():
        return _type_of(media.get("schema", {}))
    return None


def _schemas(spec: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
    for name, schema in sorted(spec.get("components", {}).get("schemas", {}).items()):
        required = schema.get("required", [])
        yield (
            name,
            [
                (field, _type_of(inner), field in required)
                for field, inner in schema.get("properties", {}).items()
            ],
        )


def _type_of(schema: dict[str, Any]) -> str:
    """A schema in a few words, for example `string ≤ 80` or `list of Key`."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    for joined in ("allOf", "anyOf", "oneOf"):
        if joined in schema:
            return " or ".join(_type_of(one) for one in schema[joined])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "format" in schema:
        words += f" ({schema['format']})"
    if "maxLength" in schema:
        words += f" ≤ {schema['maxLength']}"
    return words
