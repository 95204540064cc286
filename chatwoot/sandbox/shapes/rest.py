"""Shapes of the application API: contacts, conversations and messages (api.md 2.1, 3.1, 4.1)."""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..store import Row
from ..times import iso, seconds
from . import push, settings


def contact(site: Site, row: Row, *, inboxes: bool = False, admin: bool = False) -> dict[str, Any]:
    """inboxes: add contact_inboxes. admin: the caller may see tokens (3.9 shows full inboxes)."""
    shape = push.contact(site, row)
    del shape["type"]
    shape["availability_status"] = "offline"
    if row["last_activity_at"]:
        shape["last_activity_at"] = seconds(row["last_activity_at"])
    shape["created_at"] = seconds(row["created_at"])
    if inboxes:
        shape["contact_inboxes"] = [
            session(site, each, admin=admin) for each in site.store.sessions_of[row["id"]]
        ]
    return shape


def session(site: Site, row: Row, *, admin: bool) -> dict[str, Any]:
    inbox = site.find("inbox", row["inbox_id"])
    if site.version.has("slim_inbox"):
        shown = settings.slim_inbox(inbox)
    else:
        shown = settings.inbox(site, inbox, admin=admin)
    return {"source_id": row["source_id"], "inbox": shown}


def conversation(site: Site, row: Row) -> dict[str, Any]:
    messages = site.store.messages_of[row["id"]]
    latest = push.latest_public_message(site, row)
    last = next((m for m in reversed(messages) if m["message_type"] != push.ACTIVITY), None)
    inbox = site.find("inbox", row["inbox_id"])
    contact_row = site.find("contact", row["contact_id"])
    meta: dict[str, Any] = {
        "sender": contact(site, contact_row),
        "channel": push.CHANNELS[inbox["channel"]],
    }
    if row["assignee_id"]:
        meta["assignee"] = settings.agent(site, site.find("agent", row["assignee_id"]))
    elif row["assignee_bot_id"]:
        meta["assignee"] = push.bot(site.find("bot", row["assignee_bot_id"]))
    if site.version.has("bot_assignee") and "assignee" in meta:
        meta["assignee_type"] = "User" if row["assignee_id"] else "AgentBot"
    if team := site.store.get("team", row["team_id"]):
        meta["team"] = settings.team(team, member=False)
    meta["hmac_verified"] = site.find("session", row["session_id"])["hmac_verified"]
    shape = {
        "meta": meta,
        "id": row["id"],
        "messages": [push.embedded_message(site, latest, live=True)] if latest else [],
        "account_id": site.account["id"],
        "uuid": row["uuid"],
        "additional_attributes": row["additional_attributes"],
        "agent_last_seen_at": seconds(row["agent_last_seen_at"]),
        "assignee_last_seen_at": seconds(row["assignee_last_seen_at"]),
        "can_reply": row.get("can_reply", True),
        "contact_last_seen_at": seconds(row["contact_last_seen_at"]),
        "custom_attributes": row["custom_attributes"],
        "inbox_id": row["inbox_id"],
        "labels": row["labels"],
        "muted": contact_row["blocked"],
        "snoozed_until": iso(row["snoozed_until"]),
        "status": row["status"],
        "created_at": seconds(row["created_at"]),
        "timestamp": seconds(row["last_activity_at"]),
        "first_reply_created_at": seconds(row["first_reply_created_at"]),
        "unread_count": push.unread_count(site, row),
        "last_non_activity_message": (
            push.embedded_message(site, last, live=True) if last else None
        ),
        "last_activity_at": seconds(row["last_activity_at"]),
        "priority": row["priority"],
        "waiting_since": seconds(row["waiting_since"]),
        "sla_policy_id": None,
    }
    if site.version.has("conversation_updated_at"):
        shape["updated_at"] = round(row["updated_at"], 6)
    return shape


def message(site: Site, row: Row) -> dict[str, Any]:
    """Here message_type is an integer; sender and attachments are absent when there is none."""
    shape = {
        "id": row["id"],
        "content": row["content"],
        "inbox_id": site.find("conversation", row["conversation_id"])["inbox_id"],
        "conversation_id": row["conversation_id"],
        "message_type": row["message_type"],
        "content_type": row["content_type"],
        "status": row["status"],
        "content_attributes": row["content_attributes"],
        "created_at": seconds(row["created_at"]),
        "private": row["private"],
        "source_id": row["source_id"],
    }
    if (wrote := push.sender(site, row, live=True)) is not None:
        shape["sender"] = wrote
    if row["attachments"]:
        shape["attachments"] = [push.attachment(site, row, item) for item in row["attachments"]]
    return shape


def message_list(site: Site, conversation_row: Row, rows: list[Row]) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "labels": conversation_row["labels"],
        "additional_attributes": conversation_row["additional_attributes"],
        "contact": push.contact(site, site.find("contact", conversation_row["contact_id"])),
        "agent_last_seen_at": iso(conversation_row["agent_last_seen_at"]),
        "assignee_last_seen_at": iso(conversation_row["assignee_last_seen_at"]),
    }
    if conversation_row["assignee_id"]:
        assignee = site.find("agent", conversation_row["assignee_id"])
        meta["assignee"] = push.user(assignee, live=True)
    return {"meta": meta, "payload": [message(site, row) for row in rows]}
