"""The filter language of contacts and conversations (api.md 2.4 and 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import broken, refused
from .site import Site
from .store import CONTACT_KEYS, Row

TEXT = {"equal_to", "not_equal_to", "contains", "does_not_contain"}
EXACT = {"equal_to", "not_equal_to"}
PRESENCE = {"is_present", "is_not_present"}
RANGE = {"is_greater_than", "is_less_than", "days_before"}
CONTACT_OPERATORS = {
    "name": TEXT,
    "email": TEXT,
    "phone_number": TEXT | {"starts_with"},
    "identifier": EXACT,
    "labels": EXACT | PRESENCE,
    "blocked": EXACT,
    "created_at": RANGE,
    "last_activity_at": RANGE,
}
CONVERSATION_OPERATORS = {
    "status": EXACT,
    "priority": EXACT,
    "assignee_id": EXACT | PRESENCE,
    "inbox_id": EXACT | PRESENCE,
    "team_id": EXACT | PRESENCE,
    "display_id": EXACT | {"contains", "does_not_contain"},
    "labels": EXACT | PRESENCE,
    "created_at": RANGE,
    "last_activity_at": RANGE,
}
Test = Callable[[Row], bool]


def filter_contacts(site: Site, payload: Any) -> list[Row]:
    """Raises ApiError 422 for an unknown key or operator, 500 for a missing payload."""
    conditions = _conditions(payload)
    if len(conditions) == 1:
        found = _look_up(site, conditions[0])
        if found is not None:
            return found
    test = _combine(site, conditions, CONTACT_OPERATORS, "contact_attribute")
    return [row for row in site.store.all("contact") if test(row)]


def filter_conversations(site: Site, payload: Any) -> list[Row]:
    conditions = _conditions(payload)
    test = _combine(site, conditions, CONVERSATION_OPERATORS, "conversation_attribute")
    return [row for row in site.store.all("conversation") if test(row)]


def _conditions(payload: Any) -> list[dict[str, Any]]:
    if not isinstance(payload, list) or not all(isinstance(item, dict) for item in payload):
        raise broken()
    for position, item in enumerate(payload):
        last = position == len(payload) - 1
        joined = str(item.get("query_operator") or "").upper()
        if last and joined or not last and joined not in ("AND", "OR"):
            raise refused('Query operator must be either "AND" or "OR".')
    return payload


def _look_up(site: Site, condition: dict[str, Any]) -> list[Row] | None:
    """A single equality on a unique column is answered without a scan."""
    key = condition.get("attribute_key")
    if key not in CONTACT_KEYS or condition.get("filter_operator") != "equal_to":
        return None
    wanted = _wanted(site, key, condition)[0]
    row = site.store.contact_of[key].get(wanted)
    return [row] if row else []


def _wanted(site: Site, key: str, condition: dict[str, Any]) -> list[Any]:
    values = condition.get("values")
    if not isinstance(values, list) or not values:
        raise refused(f"Invalid value. The values provided for {key} are invalid")
    if key in ("email", "identifier"):
        # 4.14 lower-cases the value and compares it with the stored text as it is.
        values = [str(value).lower() for value in values]
    if key == "phone_number":
        texts = [str(value) for value in values]
        if site.version.has("filter_phone_plus"):
            texts = [text.removeprefix("+") for text in texts]
        values = [f"+{text}" for text in texts]
    return values


def _combine(
    site: Site, conditions: list[dict[str, Any]], known: dict[str, set[str]], model: str
) -> Test:
    """AND binds stronger than OR, as in SQL."""
    groups: list[list[Test]] = [[]]
    for condition in conditions:
        groups[-1].append(_test(site, condition, known, model))
        if str(condition.get("query_operator") or "").upper() == "OR":
            groups.append([])
    return lambda row: any(all(test(row) for test in group) for group in groups)


def _test(site: Site, condition: dict[str, Any], known: dict[str, set[str]], model: str) -> Test:
    key, operator = condition.get("attribute_key"), condition.get("filter_operator")
    custom = key not in known
    if custom and not _is_defined(site, key, model):
        raise refused(f"Invalid attribute key - [{key}]")
    allowed = TEXT | PRESENCE | RANGE if custom else known[key]
    if operator not in allowed:
        raise refused(f"Invalid operator. The allowed operators for {key} are {sorted(allowed)}.")
    wanted = [] if operator in PRESENCE else _wanted(site, str(key), condition)
    return lambda row: _matches(_value(row, str(key), custom), operator, wanted)


def _is_defined(site: Site, key: Any, model: str) -> bool:
    return any(
        row["attribute_key"] == key and row["attribute_model"] == model
        for row in site.store.all("definition")
    )


def _value(row: Row, key: str, custom: bool) -> Any:
    if custom:
        return row["custom_attributes"].get(key)
    return row["id"] if key == "display_id" else row[key]


def _matches(value: Any, operator: str, wanted: list[Any]) -> bool:
    held = [str(item).lower() for item in (value if isinstance(value, list) else [value])]
    held = [] if value is None else held
    texts = [str(item).lower() for item in wanted]
    match operator:
        case "equal_to":
            return "all" in texts or any(text in texts for text in held)
        case "not_equal_to":
            return not any(text in texts for text in held)
        case "contains":
            return any(texts[0] in text for text in held)
        case "does_not_contain":
            return not any(texts[0] in text for text in held)
        case "starts_with":
            return any(text.startswith(texts[0]) for text in held)
        case "is_present":
            return bool(held) and held != [""]
        case "is_not_present":
            return not held or held == [""]
    return value is not None and _in_range(value, operator, wanted[0])


def _in_range(value: Any, operator: str, wanted: Any) -> bool:
    if operator == "days_before":
        day = datetime.now(UTC) - timedelta(days=float(wanted))
        return float(value) < day.timestamp()
    if isinstance(value, float):  # a moment; the value asked for is an ISO date
        asked = datetime.fromisoformat(str(wanted)).replace(tzinfo=UTC).timestamp()
    else:
        asked = type(value)(wanted)
    return value > asked if operator == "is_greater_than" else value < asked
