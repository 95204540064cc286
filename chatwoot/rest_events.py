"""Webhook bodies made from REST objects, so that what was fetched takes the one way in.

The shapes differ (api.md 3.1 and 4.1 against webhooks.md 6): here message types are numbers, times
are unix seconds, the channel is in `meta`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chatwoot.objects import MESSAGE_KINDS

_CONVERSATION_KEYS = (
    "id", "inbox_id", "status", "can_reply", "labels", "priority", "additional_attributes",
    "custom_attributes", "meta", "updated_at", "last_activity_at", "timestamp",
)  # fmt: skip


def conversation_event(event: str, raw: dict[str, Any]) -> dict[str, Any]:
    meta = raw.get("meta") or {}
    body = {key: raw.get(key) for key in _CONVERSATION_KEYS}
    return body | {"event": event, "channel": meta.get("channel"), "messages": []}


def message_event(
    message: dict[str, Any], conversation: dict[str, Any], event: str = "message_created"
) -> dict[str, Any]:
    nested = conversation_event("", conversation)
    nested.pop("event")
    nested["messages"] = [{"id": message["id"], "status": message.get("status")}]
    return {
        "event": event,
        "id": message["id"],
        "message_type": MESSAGE_KINDS[message["message_type"]],
        "private": message.get("private", False),
        "content": message.get("content"),
        "content_type": message.get("content_type"),
        "content_attributes": message.get("content_attributes") or {},
        "source_id": message.get("source_id"),
        "created_at": datetime.fromtimestamp(message["created_at"], UTC).isoformat(),
        "sender": message.get("sender"),
        "attachments": message.get("attachments") or [],
        "conversation": nested,
    }
