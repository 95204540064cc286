"""Conversations: creation, watched changes, status, assignment (api.md 3, webhooks.md 2.1)."""

from __future__ import annotations

import uuid
from typing import Any

from ..errors import invalid
from ..site import Site
from ..store import Row
from ..times import now
from . import changes

STATUSES = ("open", "resolved", "pending", "snoozed")
PRIORITIES = ("low", "medium", "high", "urgent")
WATCHED = {
    "team_id",
    "assignee_id",
    "assignee_bot_id",
    "status",
    "snoozed_until",
    "custom_attributes",
    "labels",
    "waiting_since",
    "first_reply_created_at",
    "priority",
}
# The database calls these columns otherwise.
COLUMN_NAMES = {"labels": "label_list", "assignee_bot_id": "assignee_agent_bot_id"}
LONGEST_TEXT = 1500
LARGEST_INTEGER = 9_999_999_999


def create_conversation(
    site: Site, contact: Row, session: Row, values: dict[str, Any] | None = None
) -> Row:
    """values: status, priority, assignee_id, team_id, snoozed_until, attributes. A blocked
    contact or a bot on the inbox overrides the status."""
    wanted = values or {}
    check_attributes(wanted.get("custom_attributes") or {})
    inbox = site.find("inbox", session["inbox_id"])
    status = wanted.get("status") or "open"
    if contact["blocked"]:
        status = "resolved"
    elif inbox["bot_id"]:
        status = "pending"
    moment = now()
    row = site.store.insert(
        "conversation",
        {
            "uuid": str(uuid.uuid4()),
            "inbox_id": inbox["id"],
            "contact_id": contact["id"],
            "session_id": session["id"],
            "status": status,
            "priority": wanted.get("priority"),
            "labels": [],
            "custom_attributes": dict(wanted.get("custom_attributes") or {}),
            "additional_attributes": dict(wanted.get("additional_attributes") or {}),
            "assignee_id": wanted.get("assignee_id"),
            "assignee_bot_id": None,
            "team_id": wanted.get("team_id"),
            "snoozed_until": wanted.get("snoozed_until"),
            "first_reply_created_at": None,
            "waiting_since": moment,
            "agent_last_seen_at": None,
            "assignee_last_seen_at": None,
            "contact_last_seen_at": None,
            "last_activity_at": moment,
            "created_at": moment,
            "updated_at": moment,
        },
    )
    site.hooks.emit("conversation_created", "conversation", row)
    return row


def change_conversation(site: Site, row: Row, **wanted: Any) -> dict[str, tuple[Any, Any]]:
    """Write the values that differ and announce them; returns name -> (previous, current).

    A status change announces conversation_status_changed (without details) besides
    conversation_updated, and conversation_opened or conversation_resolved to bots.
    """
    before = row["updated_at"]
    changed = changes.apply(row, wanted)
    if not changed:
        return {}
    row["updated_at"] = now()
    site.store.save("conversation", row)
    if "status" in changed:
        _announce_status(site, row)
    if WATCHED & set(changed):
        _announce_update(site, row, {"updated_at": (before, row["updated_at"]), **changed})
    return changed


def _announce_status(site: Site, row: Row) -> None:
    emit = site.hooks.emit
    emit("conversation_status_changed", "conversation", row, changed_attributes=None)
    if row["status"] == "open":
        emit("conversation_opened", "conversation", row)
    elif row["status"] == "resolved":
        emit("conversation_resolved", "conversation", row)


def _announce_update(site: Site, row: Row, changed: dict[str, tuple[Any, Any]]) -> None:
    named: dict[str, tuple[Any, Any]] = {}
    for name, pair in changed.items():
        if name == "labels":
            named["cached_label_list"] = (", ".join(pair[0]), ", ".join(pair[1]))
        named[COLUMN_NAMES.get(name, name)] = pair
    # Releases before 4.4 announce a label change twice (upstream issue 7402).
    twice = "labels" in changed and not site.version.has("single_label_event")
    for _ in range(2 if twice else 1):
        site.hooks.emit(
            "conversation_updated", "conversation", row, changed_attributes=changes.as_list(named)
        )


def touch(site: Site, row: Row, moment: float) -> None:
    """A message arrived: activity moves, and in later releases updated_at with it."""
    row["last_activity_at"] = moment
    if site.version.has("message_touches_conversation"):
        row["updated_at"] = moment
    site.store.save("conversation", row)


def check_attributes(attributes: dict[str, Any]) -> None:
    """Raises ApiError 422 for a top-level value beyond the limits (webhooks.md 11.2)."""
    for key, value in attributes.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            fault = f"Custom attributes {key} length should be < {LONGEST_TEXT}"
        elif type(value) is int and value > LARGEST_INTEGER:
            fault = f"Custom attributes {key} value should be < {LARGEST_INTEGER}"
        else:
            continue
        raise invalid({"custom_attributes": fault})
