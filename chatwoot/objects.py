"""Chatwoot's REST objects as far as the service reads them (api.md 3.1, 4.1).

Webhook bodies have other shapes; their schemas live in `schemas.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm.core.clock import from_unix

WEB_WIDGET = "Channel::WebWidget"
API_CHANNEL = "Channel::Api"
MARK = "mendline"
MESSAGE_KINDS = ("incoming", "outgoing", "activity", "template")


@dataclass(frozen=True)
class Conversation:
    """id: the per-account display id. updated_at: None before 4.3. raw: Chatwoot's own object."""

    id: int
    inbox_id: int | None
    status: str
    channel: str | None
    contact_id: int | None
    assignee_id: int | None
    hmac_verified: bool
    labels: tuple[str, ...]
    custom_attributes: dict[str, Any]
    created_at: datetime | None
    updated_at: datetime | None
    last_activity_at: datetime | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Conversation:
        meta = raw.get("meta") or {}
        return cls(
            id=raw["id"],
            inbox_id=raw.get("inbox_id"),
            status=raw["status"],
            channel=meta.get("channel"),
            contact_id=(meta.get("sender") or {}).get("id"),
            assignee_id=(meta.get("assignee") or {}).get("id"),
            hmac_verified=meta.get("hmac_verified") is True,
            labels=tuple(raw.get("labels") or ()),
            custom_attributes=raw.get("custom_attributes") or {},
            created_at=from_unix(raw.get("created_at")),
            updated_at=from_unix(raw.get("updated_at")),
            last_activity_at=from_unix(raw.get("last_activity_at") or raw.get("timestamp")),
            raw=raw,
        )


@dataclass(frozen=True)
class Message:
    """kind: one of MESSAGE_KINDS. created_at: whole seconds. raw: Chatwoot's own object."""

    id: int
    conversation_id: int
    kind: str
    private: bool
    content: str | None = field(repr=False)
    content_attributes: dict[str, Any] = field(repr=False)
    source_id: str | None
    created_at: datetime | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Message:
        return cls(
            id=raw["id"],
            conversation_id=raw["conversation_id"],
            kind=MESSAGE_KINDS[raw["message_type"]],
            private=bool(raw.get("private")),
            content=raw.get("content"),
            content_attributes=raw.get("content_attributes") or {},
            source_id=raw.get("source_id"),
            created_at=from_unix(raw.get("created_at")),
            raw=raw,
        )

    def carries(self, effect_key: str) -> bool:
        """Whether this message bears our mark for that effect, in either of its two places."""
        return effect_key in (self.content_attributes.get(MARK), self.source_id)


@dataclass(frozen=True)
class Health:
    """version: as Chatwoot writes it. at: its clock, from the Date header."""

    version: str
    queue_ok: bool
    data_ok: bool
    at: datetime | None
