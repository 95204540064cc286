"""Shapes of webhook and bot bodies, and of messages embedded in conversations.

Source: webhooks.md section 6. Background-built bodies leave an agent's availability null
(6.2), so every function takes `live`: False for account webhooks, True for bots and the API.
"""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..store import Row
from ..times import iso, seconds

MESSAGE_TYPES = ("incoming", "outgoing", "activity", "template")
ACTIVITY = MESSAGE_TYPES.index("activity")
CHANNELS = {
    "web_widget": "Channel::WebWidget",
    "api": "Channel::Api",
    "whatsapp": "Channel::Whatsapp",
    "twilio": "Channel::TwilioSms",
}
UNREAD_CAP = 10


def contact(site: Site, row: Row) -> dict[str, Any]:
    """The contact inside conversations: meta.sender, and sender of embedded messages."""
    blocked = {"blocked": row["blocked"]} if site.version.has("contact_blocked") else {}
    return {
        "additional_attributes": row["additional_attributes"],
        "custom_attributes": row["custom_attributes"],
        "email": row["email"],
        "id": row["id"],
        "identifier": row["identifier"],
        "name": row["name"],
        "phone_number": row["phone_number"],
        "thumbnail": "",
        **blocked,
        "type": "contact",
    }


def event_contact(site: Site, row: Row) -> dict[str, Any]:
    """The contact at the top level of contact events, and as sender of message events."""
    shape = {"account": account(site), **contact(site, row), "avatar": ""}
    del shape["type"]
    return shape


def account(site: Site) -> dict[str, Any]:
    return {"id": site.account["id"], "name": site.account["name"]}


def user(row: Row, *, live: bool) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "available_name": row["name"],
        "avatar_url": "",
        "type": "user",
        "availability_status": row["availability"] if live else None,
        "thumbnail": "",
    }


def bot(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"], "avatar_url": "", "type": "agent_bot"}


def sender(site: Site, message: Row, *, live: bool) -> dict[str, Any] | None:
    """Who wrote a message, in the embedded form; None for greetings and the like."""
    match message["sender_type"]:
        case "Contact":
            return contact(site, site.find("contact", message["sender_id"]))
        case "User":
            return user(site.find("agent", message["sender_id"]), live=live)
        case "AgentBot":
            return bot(site.find("bot", message["sender_id"]))
    return None


def attachment(site: Site, message: Row, item: Row) -> dict[str, Any]:
    url = f"{site.public_url}/rails/active_storage/blobs/redirect/{item['key']}/{item['filename']}"
    shape = {
        "id": item["id"],
        "message_id": message["id"],
        "file_type": item["file_type"],
        "account_id": site.account["id"],
        "extension": None,
        "data_url": url,
        "thumb_url": url if item["file_type"] == "image" else "",
        "file_size": item["size"],
        "width": None,
        "height": None,
    }
    if site.version.has("attachment_content_type"):
        shape["content_type"] = item["content_type"]
    return shape


def embedded_message(site: Site, row: Row, *, live: bool) -> dict[str, Any]:
    """webhooks.md 6.3: all columns of a message plus a digest of its conversation."""
    conversation_row = site.find("conversation", row["conversation_id"])
    session_row = site.find("session", conversation_row["session_id"])
    shape = {
        "id": row["id"],
        "content": row["content"],
        "account_id": site.account["id"],
        "inbox_id": conversation_row["inbox_id"],
        "conversation_id": conversation_row["id"],
        "message_type": row["message_type"],
        "created_at": seconds(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
        "private": row["private"],
        "status": row["status"],
        "source_id": row["source_id"],
        "content_type": row["content_type"],
        "content_attributes": row["content_attributes"],
        "sender_type": row["sender_type"],
        "sender_id": row["sender_id"],
        "external_source_ids": {},
        "additional_attributes": row["additional_attributes"],
        "processed_message_content": row["content"],
        "sentiment": {},
        "conversation": {
            "assignee_id": conversation_row["assignee_id"],
            "unread_count": unread_count(site, conversation_row),
            "last_activity_at": seconds(conversation_row["last_activity_at"]),
            "contact_inbox": {"source_id": session_row["source_id"]},
        },
    }
    if row["attachments"]:
        shape["attachments"] = [attachment(site, row, item) for item in row["attachments"]]
    if (wrote := sender(site, row, live=live)) is not None:
        shape["sender"] = wrote
    return shape


def unread_count(site: Site, conversation_row: Row) -> int:
    seen = conversation_row["agent_last_seen_at"] or 0
    count = 0
    for message in reversed(site.store.messages_of[conversation_row["id"]]):
        if message["created_at"] <= seen or count == UNREAD_CAP:
            break
        count += message["message_type"] == 0
    return count


def latest_public_message(site: Site, conversation_row: Row) -> Row | None:
    for message in reversed(site.store.messages_of[conversation_row["id"]]):
        if not message["private"] and message["message_type"] != ACTIVITY:
            return message
    return None


def session(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "contact_id": row["contact_id"],
        "inbox_id": row["inbox_id"],
        "source_id": row["source_id"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
        "hmac_verified": row["hmac_verified"],
        "pubsub_token": row["pubsub_token"],
    }


def meta(site: Site, row: Row, *, live: bool) -> dict[str, Any]:
    assignee, kind = None, None
    if row["assignee_id"]:
        assignee, kind = user(site.find("agent", row["assignee_id"]), live=live), "User"
    elif row["assignee_bot_id"]:
        assignee, kind = bot(site.find("bot", row["assignee_bot_id"])), "AgentBot"
    team = site.store.get("team", row["team_id"])
    shape = {
        "sender": contact(site, site.find("contact", row["contact_id"])),
        "assignee": assignee,
        "team": {"id": team["id"], "name": team["name"]} if team else None,
        "hmac_verified": site.find("session", row["session_id"])["hmac_verified"],
    }
    if site.version.has("bot_assignee"):
        shape["assignee_type"] = kind
    return shape


def conversation(site: Site, row: Row, *, live: bool) -> dict[str, Any]:
    """webhooks.md 6.2: a conversation event is this object itself."""
    latest = latest_public_message(site, row)
    inbox = site.find("inbox", row["inbox_id"])
    shape = {
        "additional_attributes": row["additional_attributes"],
        "can_reply": row.get("can_reply", True),
        "channel": CHANNELS[inbox["channel"]],
        "contact_inbox": session(site.find("session", row["session_id"])),
        "id": row["id"],
        "inbox_id": row["inbox_id"],
        "messages": [embedded_message(site, latest, live=live)] if latest else [],
        "labels": row["labels"],
        "meta": meta(site, row, live=live),
        "status": row["status"],
        "custom_attributes": row["custom_attributes"],
        "snoozed_until": iso(row["snoozed_until"]),
        "unread_count": unread_count(site, row),
        "first_reply_created_at": iso(row["first_reply_created_at"]),
        "priority": row["priority"],
        "waiting_since": seconds(row["waiting_since"]),
        "agent_last_seen_at": seconds(row["agent_last_seen_at"]),
        "contact_last_seen_at": seconds(row["contact_last_seen_at"]),
        "timestamp": seconds(row["last_activity_at"]),
        "created_at": seconds(row["created_at"]),
    }
    if site.version.has("last_activity_at"):
        shape["last_activity_at"] = seconds(row["last_activity_at"])
    if site.version.has("conversation_updated_at"):
        shape["updated_at"] = round(row["updated_at"], 6)
    return shape


def event_sender(site: Site, message: Row) -> dict[str, Any] | None:
    """Who wrote a message, as message events show it (webhooks.md 6.4)."""
    match message["sender_type"]:
        case "Contact":
            return event_contact(site, site.find("contact", message["sender_id"]))
        case "User":
            row = site.find("agent", message["sender_id"])
            return {"id": row["id"], "name": row["name"], "email": row["email"], "type": "user"}
        case "AgentBot":
            row = site.find("bot", message["sender_id"])
            return {"id": row["id"], "name": row["name"], "type": "agent_bot"}
    return None


def message(site: Site, row: Row, *, live: bool) -> dict[str, Any]:
    """webhooks.md 6.4: here message_type is a word and created_at is ISO text."""
    conversation_row = site.find("conversation", row["conversation_id"])
    inbox = site.find("inbox", conversation_row["inbox_id"])
    shape = {
        "account": account(site),
        "additional_attributes": row["additional_attributes"],
        "content_attributes": row["content_attributes"],
        "content_type": row["content_type"],
        "content": row["content"],
        "conversation": conversation(site, conversation_row, live=live),
        "created_at": iso(row["created_at"]),
        "id": row["id"],
        "inbox": {"id": inbox["id"], "name": inbox["name"]},
        "message_type": MESSAGE_TYPES[row["message_type"]],
        "private": row["private"],
        "sender": event_sender(site, row),
        "source_id": row["source_id"],
    }
    if row["attachments"]:
        shape["attachments"] = [attachment(site, row, item) for item in row["attachments"]]
    return shape


def widget_opened(site: Site, session_row: Row) -> dict[str, Any]:
    """webhooks.md 6.6, body of webwidget_triggered without its event_info."""
    conversations = site.store.conversations_of_session[session_row["id"]]
    inbox = site.find("inbox", session_row["inbox_id"])
    latest = conversations[-1] if conversations else None
    return {
        "id": session_row["id"],
        "contact": event_contact(site, site.find("contact", session_row["contact_id"])),
        "inbox": {"id": inbox["id"], "name": inbox["name"]},
        "account": account(site),
        "current_conversation": conversation(site, latest, live=False) if latest else None,
        "source_id": session_row["source_id"],
    }
