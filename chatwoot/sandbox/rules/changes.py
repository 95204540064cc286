"""Notes what a save changed, in the form of `changed_attributes` (webhooks.md 6.2)."""

from __future__ import annotations

from typing import Any

from ..store import Row
from ..times import iso

TIMES = {
    "updated_at",
    "last_activity_at",
    "snoozed_until",
    "waiting_since",
    "first_reply_created_at",
}


def apply(row: Row, wanted: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Write the values that differ into the row; returns name -> (previous, current)."""
    changed = {}
    for name, value in wanted.items():
        if row[name] != value:
            changed[name] = (row[name], value)
            row[name] = value
    return changed


def as_list(changed: dict[str, tuple[Any, Any]]) -> list[dict[str, Any]]:
    """An array of single-key objects, times as ISO text."""
    listed = []
    for name, (previous, current) in changed.items():
        if name in TIMES:
            previous, current = iso(previous), iso(current)
        listed.append({name: {"previous_value": previous, "current_value": current}})
    return listed
