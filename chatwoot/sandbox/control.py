"""The sandbox's own API for tests, the demo and the page: no token, this machine only.

Everything here can be done by anyone who reaches it, so it answers only direct loopback calls,
under the sandbox's own host name (against DNS rebinding), and takes JSON bodies only (a foreign
page in the browser can't send those without being asked first).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import uuid
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from .api.base import answer
from .api.conversations import set_status
from .errors import ApiError, refused
from .files import keep_file
from .rules import visitors
from .rules.conversations import STATUSES, change_conversation
from .rules.messages import OUTGOING, create_message
from .shapes import push, rest
from .site import Site, current_site
from .store import Row
from .times import now

blueprint = Blueprint("control", __name__, url_prefix="/sandbox/api")
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
LISTED = 50
MOST_IN_BURST = 20_000
PEOPLE = {"contact", "session", "conversation", "message", "file", "mail"}


@blueprint.before_request
def only_this_machine() -> Response | None:
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    names = LOCAL_NAMES | {urlsplit(current_site().public_url).hostname}
    local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback
    if forwarded or not local or urlsplit(f"//{request.host}").hostname not in names:
        return answer({"error": "Only for direct calls from this machine"}, 403)
    if request.method != "GET" and request.mimetype != "application/json":
        return answer({"error": "Send application/json"}, 415)
    return None


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, {"error": "Send a JSON object"})
    return body


@blueprint.get("/credentials")
def credentials() -> Response:
    site = current_site()
    with site.store.transaction():
        admin, agent = _first(site, "administrator"), _first(site, "agent")
        return answer(
            {
                "url": site.public_url,
                "version": site.version.text,
                "account_id": site.account["id"],
                "account_name": site.account["name"],
                "admin_token": admin["access_token"],
                "admin_id": admin["id"],
                "agent_token": agent["access_token"],
                "agent_id": agent["id"],
            }
        )


@blueprint.get("/customers")
def customers() -> Response:
    site = current_site()
    with site.store.transaction():
        rows = site.store.all("contact")[: -LISTED - 1 : -1]
        return answer({"customers": [_customer(site, row) for row in rows]})


@blueprint.post("/customers")
def create_customer() -> Response:
    site, values = current_site(), _body()
    with site.store.transaction():
        contact, session = visitors.arrive(site, values)
        return answer({"contact": _customer(site, contact), "session": push.session(session)}, 201)


@blueprint.get("/customers/<int:contact_id>/messages")
def customer_messages(contact_id: int) -> Response:
    """Only what the visitor may see; `widget` is what pressing a button there takes, or null."""
    site = current_site()
    with site.store.transaction():
        contact = site.find("contact", contact_id)
        rows = [rest.message(site, row) for row in visitors.thread(site, contact)]
        return answer({"messages": rows, "widget": visitors.widget_access(site, contact)})


@blueprint.post("/customers/<int:contact_id>/messages")
def customer_writes(contact_id: int) -> Response:
    """{"content", "attachments": [{"filename", "content_type", "base64"}]}"""
    site, values = current_site(), _body()
    with site.store.transaction():
        contact = site.find("contact", contact_id)
        files = [_file(site, item) for item in values.get("attachments") or []]
        message = visitors.write(site, contact, values.get("content"), files)
        return answer(rest.message(site, message), 201)


@blueprint.post("/customers/<int:contact_id>/open-widget")
def customer_opens_widget(contact_id: int) -> Response:
    site = current_site()
    with site.store.transaction():
        visitors.open_bubble(site, site.find("contact", contact_id))
        return answer({"status": "ok"})


@blueprint.post("/agents/<int:agent_id>/messages")
def agent_writes(agent_id: int) -> Response:
    """{"conversation_id", "content", "private"}; the agent has then seen the conversation."""
    site, values = current_site(), _body()
    with site.store.transaction():
        agent = site.find("agent", agent_id)
        conversation = site.find("conversation", values.get("conversation_id"))
        conversation["agent_last_seen_at"] = now()
        private = bool(values.get("private"))
        sender = ("User", agent["id"])
        content = values.get("content")
        message = create_message(site, conversation, OUTGOING, content, sender, private=private)
        return answer(rest.message(site, message), 201)


@blueprint.get("/conversations")
def conversations() -> Response:
    site = current_site()
    with site.store.transaction():
        rows = site.store.all("conversation")
        newest = sorted(rows, key=lambda row: row["last_activity_at"], reverse=True)[:LISTED]
        return answer({"conversations": [_summary(site, row) for row in newest]})


@blueprint.get("/conversations/<int:number>")
def conversation(number: int) -> Response:
    site = current_site()
    with site.store.transaction():
        return answer(_full(site, site.find("conversation", number)))


@blueprint.post("/conversations/<int:number>/status")
def change_status(number: int) -> Response:
    site, values = current_site(), _body()
    if values.get("status") not in STATUSES:
        raise refused(f"status must be one of {', '.join(STATUSES)}")
    with site.store.transaction():
        row = site.find("conversation", number)
        by = _first(site, "agent")["name"]
        set_status(site, row, values["status"], values.get("snoozed_until"), by)
        return answer(_full(site, row))


@blueprint.post("/conversations/<int:number>/labels")
def change_labels(number: int) -> Response:
    site, labels = current_site(), _body().get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise refused("labels must be an array of names")
    with site.store.transaction():
        row = site.find("conversation", number)
        change_conversation(site, row, labels=list(dict.fromkeys(labels)))
        return answer(_full(site, row))


@blueprint.post("/burst")
def burst() -> Response:
    """{"conversations", "messages_each"}: that many new customers writing, for load tests."""
    site, values = current_site(), _body()
    count, each = values.get("conversations", 1), values.get("messages_each", 1)
    if not all(type(number) is int and number > 0 for number in (count, each)):
        raise refused("conversations and messages_each are whole numbers above 0")
    if count * each > MOST_IN_BURST:
        raise refused(f"at most {MOST_IN_BURST} messages in one burst")
    numbers = []
    for _ in range(count):
        # One transaction per customer, so that other requests get their turn.
        with site.store.transaction():
            contact, _ = visitors.arrive(site, {"name": f"Visitor {uuid.uuid4().hex[:8]}"})
            for position in range(each):
                message = visitors.write(site, contact, f"Message {position + 1} of {each}")
            numbers.append(message["conversation_id"])
    return answer({"conversations": numbers, "messages": count * each}, 201)


@blueprint.get("/state")
def state() -> Response:
    """Everything, to be compared with what the other side believes."""
    site = current_site()
    with site.store.transaction():
        contacts = [_customer(site, row) for row in site.store.all("contact")]
        threads = [_full(site, row) for row in site.store.all("conversation")]
        counts = {
            "contacts": len(contacts),
            "conversations": len(threads),
            "messages": sum(len(thread["messages"]) for thread in threads),
            "deliveries": len(site.hooks.courier.log),
            "deliveries_pending": site.hooks.courier.open_jobs,
        }
        return answer({"counts": counts, "contacts": contacts, "conversations": threads})


@blueprint.get("/mails")
def mails() -> Response:
    """What the mail catcher took, newest first."""
    site = current_site()
    with site.store.transaction():
        return answer({"mails": site.store.all("mail")[: -LISTED - 1 : -1]})


@blueprint.get("/deliveries")
def deliveries() -> Response:
    """Newest first; `?limit=` (100) and `?event=`."""
    courier = current_site().hooks.courier
    limit = request.args.get("limit", 100, type=int)
    event = request.args.get("event")
    rows = [row for row in reversed(list(courier.log)) if event in (None, row["event"])]
    return answer({"pending": courier.open_jobs, "deliveries": rows[:limit]})


@blueprint.get("/faults")
def faults() -> Response:
    return answer(current_site().faults.values())


@blueprint.put("/faults")
def change_faults() -> Response:
    site = current_site()
    try:
        site.faults.change(_body())
    except ValueError as fault:
        raise refused(str(fault)) from None
    return answer(site.faults.values())


@blueprint.post("/reset")
def reset() -> Response:
    """Forget customers and what they wrote, deliveries and switches; keep agents, tokens,
    inboxes and hooks. Ids go on counting, so none ever names a second thing."""
    site = current_site()
    with site.store.transaction():
        site.store.clear(PEOPLE)
    site.hooks.courier.log.clear()
    site.faults.reset()
    return answer({"status": "ok"})


def _first(site: Site, role: str) -> Row:
    return next(row for row in site.store.all("agent") if row["role"] == role)


def _file(site: Site, item: dict[str, Any]) -> Row:
    try:
        body = base64.b64decode(item["base64"], validate=True)
        return keep_file(site, item["filename"], item["content_type"], body)
    except (KeyError, TypeError, binascii.Error):
        raise refused("an attachment has filename, content_type and base64") from None


def _customer(site: Site, row: Row) -> dict[str, Any]:
    numbers = [each["id"] for each in site.store.conversations_of[row["id"]]]
    return {**rest.contact(site, row), "conversation_ids": numbers, "labels": row["labels"]}


def _summary(site: Site, row: Row) -> dict[str, Any]:
    latest = push.latest_public_message(site, row)
    return {
        "id": row["id"],
        "status": row["status"],
        "labels": row["labels"],
        "unread_count": push.unread_count(site, row),
        "contact_name": site.find("contact", row["contact_id"])["name"],
        "last_message": latest["content"] if latest else None,
        "last_activity_at": row["last_activity_at"],
    }


def _full(site: Site, row: Row) -> dict[str, Any]:
    shape = rest.conversation(site, row)
    messages = site.store.messages_of[row["id"]]
    return {**shape, "messages": [rest.message(site, message) for message in messages]}
