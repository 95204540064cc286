"""Small hand-made builders: people, repairs, Chatwoot's webhook bodies and signed deliveries.

Bodies have the shapes of webhooks.md 6 for two generations: 4.14, and 3.9 (no `updated_at`, no
`last_activity_at`). Ids are counted up, so that no two things meet by chance.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.customers.rules import Key
from crm.customers.service import Person
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.tickets import service as tickets
from crm.tickets.models import Ticket

WEBHOOK_SECRET = "hook-secret-of-24-letters"
BOT_SECRET = "bot-secret-with-24-letters"
STAFF = Actor("staff", "Rosa Lindgren", "7")
_ids = itertools.count(5000)


def customer(uow: UnitOfWork, *keys: Key, name: str = "Ilse Brandt", **fields: Any) -> Customer:
    return customers.recognise(uow, Person(name=name, keys=keys, **fields), STAFF)


def repair(uow: UnitOfWork, customer_id: int | None = None, **fields: Any) -> Repair:
    new = NewRepair(customer_id, **{"device": "Pixel 8", **fields})
    return open_repair(uow, new, STAFF, by_staff=False)


def ticket(uow: UnitOfWork, customer_id: int) -> Ticket:
    return tickets.open_ticket(uow, customer_id, "Cracked glass", source="api", actor=STAFF)


def contact(number: int | None = None, **fields: Any) -> dict[str, Any]:
    """A contact as webhooks show it; anonymous unless e-mail, phone or identifier are given."""
    return {
        "id": number or next(_ids),
        "name": "Ilse Brandt",
        "email": None,
        "phone_number": None,
        "identifier": None,
        "additional_attributes": {},
        "custom_attributes": {},
        "thumbnail": "",
        "type": "contact",
        "blocked": False,
    } | fields


def conversation(
    number: int | None = None,
    *,
    sender: dict[str, Any] | None = None,
    at: float | None = None,
    old: bool = False,
    verified: bool = False,
    assignee: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """at: `updated_at` in unix seconds. old: as 3.9 sends it."""
    now = at or time.time()
    person = {"id": 41, "name": assignee, "type": "user"} if assignee else None
    body = {
        "id": number or next(_ids),
        "inbox_id": 3,
        "status": "open",
        "channel": "Channel::WebWidget",
        "can_reply": True,
        "additional_attributes": {"browser_language": "en"},
        "custom_attributes": {},
        "labels": [],
        "messages": [],
        "meta": {
            "sender": sender or contact(),
            "assignee": person,
            "team": None,
            "hmac_verified": verified,
        },
        "priority": None,
        "unread_count": 1,
        "timestamp": int(now),
        "created_at": int(now),
    }
    if not old:
        body |= {"updated_at": now, "last_activity_at": int(now)}
    return body | fields


def message(
    conversation: dict[str, Any],
    content: str | None = "Is my phone ready?",
    *,
    kind: str = "incoming",
    number: int | None = None,
    private: bool = False,
    sender: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    if kind == "incoming":
        sender = sender or {k: v for k, v in conversation["meta"]["sender"].items() if k != "type"}
    elif kind == "outgoing" and sender is None:
        sender = {"id": 41, "name": "Noor Haddad", "email": "noor@shop.example", "type": "user"}
    return {
        "id": number or next(_ids),
        "message_type": kind,
        "private": private,
        "content": content,
        "content_type": "text",
        "content_attributes": {},
        "additional_attributes": {},
        "source_id": None,
        "created_at": datetime.now(UTC).isoformat(),
        "account": {"id": 1, "name": "Quay Phones"},
        "inbox": {"id": conversation["inbox_id"], "name": "Web"},
        "conversation": conversation,
        "sender": sender,
    } | fields


def event(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "event": name}


def signed(
    body: bytes,
    secret: str = WEBHOOK_SECRET,
    *,
    at: float | None = None,
    delivery: str | None = None,
) -> dict[str, str]:
    """The headers Chatwoot signs a body with."""
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Chatwoot-Delivery": delivery or str(uuid.uuid4()),
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": f"sha256={digest.hexdigest()}",
    }


def shop_event(kind: str, **data: Any) -> bytes:
    moment = datetime.now(UTC).isoformat()
    return json.dumps({"type": kind, "timestamp": moment, "data": data}).encode()


def shop_signed(
    body: bytes, secret: str, *, at: float | None = None, message_id: str | None = None
) -> dict[str, str]:
    """Standard Webhooks headers. secret: `whsec_` and base64."""
    message_id = message_id or f"msg_{uuid.uuid4().hex}"
    timestamp = str(int(time.time() if at is None else at))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest.digest()).decode(),
    }
