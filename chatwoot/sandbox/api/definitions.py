"""Definitions of custom attributes (api.md 6.5)."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from ..errors import broken, invalid, unauthorized
from ..shapes import settings
from ..site import Site
from ..times import now
from .base import EMPTY, Caller, answer, dated, endpoint, fields, require_unique, whole

DISPLAY_TYPES = ("text", "number", "currency", "percent", "link", "date", "list", "checkbox")
MODELS = ("conversation_attribute", "contact_attribute")
DEFINITION_KEY = re.compile(r"[A-Za-z0-9_.\-]+")
BUILT_IN_KEYS = {
    "conversation_attribute": {"status", "priority", "assignee_id", "inbox_id", "labels"},
    "contact_attribute": {"name", "email", "phone_number", "identifier", "city", "blocked"},
}
DEFINITION_FIELDS = ("attribute_description", "attribute_values", "regex_pattern", "regex_cue")


@endpoint("/custom_attribute_definitions", "GET")
def definitions(site: Site, caller: Caller) -> Any:
    rows = site.store.all("definition")
    if wanted := request.args.get("attribute_model"):
        model = _enum(wanted, MODELS)
        rows = [row for row in rows if row["attribute_model"] == model]
    return [settings.definition(row) for row in rows]


@endpoint("/custom_attribute_definitions", "POST")
def create_definition(site: Site, caller: Caller) -> Any:
    _definition_writer(site, caller)
    values = fields("custom_attribute_definition")
    if not values.get("attribute_display_name"):
        raise invalid({"attribute_display_name": "Attribute display name can't be blank"})
    model = _enum(values.get("attribute_model", 0), MODELS)
    row = {
        "attribute_display_name": values["attribute_display_name"],
        "attribute_display_type": _enum(values.get("attribute_display_type", 0), DISPLAY_TYPES),
        "attribute_key": _definition_key(site, values.get("attribute_key"), model),
        "attribute_model": model,
        **{key: values.get(key) for key in DEFINITION_FIELDS},
    }
    row["attribute_values"] = row["attribute_values"] or []
    return settings.definition(site.store.insert("definition", dated(row)))


@endpoint("/custom_attribute_definitions/<int:definition_id>", "GET")
def show_definition(site: Site, caller: Caller, definition_id: int) -> Any:
    return settings.definition(site.find("definition", definition_id))


@endpoint("/custom_attribute_definitions/<int:definition_id>", "PATCH", "PUT")
def update_definition(site: Site, caller: Caller, definition_id: int) -> Any:
    _definition_writer(site, caller)
    row = site.find("definition", definition_id)
    values = fields("custom_attribute_definition")
    kept = ("attribute_display_name", *DEFINITION_FIELDS)
    row |= {key: values[key] for key in kept if key in values}
    if "attribute_display_type" in values:
        row["attribute_display_type"] = _enum(values["attribute_display_type"], DISPLAY_TYPES)
    row["updated_at"] = now()
    site.store.save("definition", row)
    return settings.definition(row)


@endpoint("/custom_attribute_definitions/<int:definition_id>", "DELETE")
def delete_definition(site: Site, caller: Caller, definition_id: int) -> Any:
    _definition_writer(site, caller)
    site.store.delete("definition", site.find("definition", definition_id))
    return answer(EMPTY, 204)


def _definition_writer(site: Site, caller: Caller) -> None:
    """Writing became an administrator's right in later releases (api.md 1.3)."""
    if site.version.has("definition_key_rule") and not caller.is_admin:
        raise unauthorized()


def _definition_key(site: Site, key: Any, model: str) -> str:
    if site.version.has("definition_key_rule"):
        key = str(key or "").strip()
        if not DEFINITION_KEY.fullmatch(key):
            raise invalid({"attribute_key": "Attribute key is invalid"})
        if key in BUILT_IN_KEYS[model]:
            text = "The provided key is not allowed as it might conflict with default attributes."
            raise invalid({"attribute_key": text})
    if not key:
        raise invalid({"attribute_key": "Attribute key can't be blank"})
    require_unique(site, "definition", "attribute_key", key, None, attribute_model=model)
    return str(key)


def _enum(value: Any, names: tuple[str, ...]) -> str:
    """A name or its number; anything else is the API's 500."""
    if isinstance(value, str) and value in names:
        return value
    number = whole(value)
    if number is None or not 0 <= number < len(names):
        raise broken()
    return names[number]
