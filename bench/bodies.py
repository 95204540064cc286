"""Deliveries as a Chatwoot account webhook sends them, signed; `message_created` has about 4 kB."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ACCOUNT_ID = 1
PATH = "/webhooks/chatwoot"
WORDS = "The display of my phone stays dark since it fell this morning, can you have a look? "


@dataclass(frozen=True)
class Thread:
    """number: of the conversation within its account."""

    number: int
    contact_id: int
    inbox_id: int = 1


def message_created(thread: Thread, message_id: int) -> bytes:
    """One incoming message of a visitor."""
    at = time.time()
    moment = (
        datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    content = f"{WORDS}({message_id})"
    sender = _contact(thread)
    account = {"id": ACCOUNT_ID, "name": "Lakeside Repairs"}
    body = {
        "account": account,
        "additional_attributes": {},
        "content_attributes": {"in_reply_to": None},
        "content_type": "text",
        "content": content,
        "conversation": _conversation(thread, message_id, content, at, moment),
        "created_at": moment,
        "id": message_id,
        "inbox": {"id": thread.inbox_id, "name": "Website"},
        "message_type": "incoming",
        "private": False,
        "sender": sender | {"account": account, "avatar": sender["thumbnail"]},
        "source_id": None,
        "event": "message_created",
    }
    return json.dumps(body, separators=(",", ":")).encode()


def contact_updated(thread: Thread, visit: int) -> bytes:
    """The noise that comes with nearly every message; it has no id, so its content is its key."""
    body = _contact(thread) | {
        "account": {"id": ACCOUNT_ID, "name": "Lakeside Repairs"},
        "changed_attributes": [
            {"last_activity_at": {"previous_value": None, "current_value": visit}}
        ],
        "event": "contact_updated",
    }
    return json.dumps(body, separators=(",", ":")).encode()


def headers(body: bytes, secret: str) -> dict[str, str]:
    """Signed now; the signature is accepted within 300 s of it."""
    timestamp = str(int(time.time()))
    signed = timestamp.encode() + b"." + body
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "Ruby",
        "X-Chatwoot-Delivery": str(uuid.uuid4()),
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": f"sha256={signature}",
    }


def request(port: int, body: bytes, secret: str) -> bytes:
    """The same as a whole HTTP request."""
    told = {"Host": f"127.0.0.1:{port}", "Content-Length": len(body)} | headers(body, secret)
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body


def _contact(thread: Thread) -> dict[str, Any]:
    return {
        "additional_attributes": {
            "city": "Bath",
            "country": "United Kingdom",
            "description": "",
            "company_name": "",
            "country_code": "GB",
            "social_profiles": {},
        },
        "custom_attributes": {"loyalty_tier": "silver", "device_count": 1},
        "email": f"visitor{thread.contact_id}@example.com",
        "id": thread.contact_id,
        "identifier": None,
        "name": f"Visitor {thread.contact_id}",
        "phone_number": None,
        "thumbnail": "https://chat.example.com/rails/active_storage/representations/redirect/"
        f"signed-blob-{thread.contact_id}/variation/avatar.png",
        "blocked": False,
        "type": "contact",
    }


def _conversation(
    thread: Thread, message_id: int, content: str, at: float, moment: str
) -> dict[str, Any]:
    sender = _contact(thread)
    source_id = str(uuid.UUID(int=thread.contact_id))
    contact_inbox = {
        "id": thread.contact_id,
        "contact_id": thread.contact_id,
        "inbox_id": thread.inbox_id,
        "source_id": source_id,
        "created_at": moment,
        "updated_at": moment,
        "hmac_verified": False,
        "pubsub_token": f"token-of-{source_id}",
    }
    message = {
        "id": message_id,
        "content": content,
        "account_id": ACCOUNT_ID,
        "inbox_id": thread.inbox_id,
        "conversation_id": thread.number,
        "message_type": 0,
        "created_at": int(at),
        "updated_at": moment,
        "private": False,
        "status": "sent",
        "source_id": None,
        "content_type": "text",
        "content_attributes": {"in_reply_to": None},
        "sender_type": "Contact",
        "sender_id": thread.contact_id,
        "external_source_ids": {},
        "additional_attributes": {},
        "processed_message_content": content,
        "sentiment": {},
        "conversation": {
            "assignee_id": None,
            "unread_count": 1,
            "last_activity_at": int(at),
            "contact_inbox": {"source_id": source_id},
        },
        "sender": sender,
    }
    browser = {
        "device_name": "Unknown",
        "browser_name": "Firefox",
        "platform_name": "Linux",
        "browser_version": "140.0",
        "platform_version": "6.1",
    }
    return {
        "additional_attributes": {
            "browser": browser,
            "referer": "https://shop.example.com/repairs/phone-screen",
            "initiated_at": {
                "timestamp": "Sat Nov 21 2026 10:14:02 GMT+0000 (Greenwich Mean Time)"
            },
            "browser_language": "en",
        },
        "can_reply": True,
        "channel": "Channel::WebWidget",
        "contact_inbox": contact_inbox,
        "id": thread.number,
        "inbox_id": thread.inbox_id,
        "messages": [message],
        "labels": [],
        "meta": {
            "sender": sender,
            "assignee": None,
            "assignee_type": None,
            "team": None,
            "hmac_verified": False,
        },
        "status": "open",
        "custom_attributes": {},
        "snoozed_until": None,
        "unread_count": 1,
        "first_reply_created_at": None,
        "priority": None,
        "waiting_since": int(at),
        "agent_last_seen_at": 0,
        "contact_last_seen_at": 0,
        "last_activity_at": int(at),
        "timestamp": int(at),
        "created_at": int(at),
        "updated_at": at,
    }
