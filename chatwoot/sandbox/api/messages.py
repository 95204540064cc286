"""Messages of one conversation (api.md 4)."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from typing import Any

from flask import request

from ..errors import ApiError, not_found, refused
from ..files import keep_file
from ..rules.messages import (
    INCOMING,
    OUTGOING,
    create_message,
    delete_message,
    update_message,
)
from ..shapes import rest
from ..shapes.push import ACTIVITY
from ..site import Site
from ..store import Row
from .base import Caller, endpoint, fields, find_conversation, flag, whole

ITEMS = "/conversations/<int:number>/messages"
WINDOW, WINDOW_AFTER, WINDOW_BETWEEN = 20, 100, 1000
MOST_FILES = 15
CONTENT_TYPES = (
    "text",
    "input_text",
    "input_textarea",
    "input_email",
    "input_select",
    "cards",
    "form",
    "article",
    "incoming_email",
    "input_csat",
    "integrations",
    "sticker",
)
STATUSES = ("sent", "delivered", "read", "failed")


def _message(site: Site, conversation: Row, message_id: int) -> Row:
    message = site.find("message", message_id)
    if message["conversation_id"] != conversation["id"]:
        raise not_found()
    return message


@endpoint(ITEMS, "GET")
def index(site: Site, caller: Caller, number: int) -> Any:
    conversation = find_conversation(site, caller, number)
    rows = site.store.messages_of[number]
    before, after = whole(request.args.get("before")), whole(request.args.get("after"))
    if "filter_internal_messages" in request.args:
        rows = [m for m in rows if not m["private"] and m["message_type"] != ACTIVITY]
    return rest.message_list(site, conversation, _window(rows, before, after))


def _window(rows: list[Row], before: int | None, after: int | None) -> list[Row]:
    """Oldest first. `after` alone is exclusive; with `before` it is inclusive (api.md 4.2)."""

    def place(find: Any, message_id: int) -> int:
        return find(rows, message_id, key=lambda row: row["id"])

    if before and after:
        return rows[place(bisect_left, after) : place(bisect_left, before)][:WINDOW_BETWEEN]
    if after:
        return rows[place(bisect_right, after) :][:WINDOW_AFTER]
    if before:
        return rows[: place(bisect_left, before)][-WINDOW:]
    return rows[-WINDOW:]


@endpoint(ITEMS, "POST", bots=True)
def create(site: Site, caller: Caller, number: int) -> Any:
    conversation = find_conversation(site, caller, number)
    values = fields()
    message = post_message(site, caller, conversation, values)
    shape = rest.message(site, message)
    if values.get("echo_id") is not None:
        shape["echo_id"] = values["echo_id"]
    return shape


def post_message(site: Site, caller: Caller, conversation: Row, values: dict[str, Any]) -> Row:
    """Create what the fields describe. Every failure is a 422 with one text."""
    message_type = OUTGOING
    if values.get("message_type") == "incoming":
        if site.find("inbox", conversation["inbox_id"])["channel"] != "api":
            raise refused("Incoming messages are only allowed in Api inboxes")
        message_type = INCOMING
    content_type = values.get("content_type") or "text"
    if content_type not in CONTENT_TYPES:
        raise refused(f"'{content_type}' is not a valid content_type")
    uploads = request.files.getlist("attachments[]")
    if len(uploads) > MOST_FILES:
        raise refused("Validation failed: Attachments exceeded maximum allowed")
    files = [keep_file(site, f.filename or "file", f.mimetype, f.read()) for f in uploads]
    sender = caller.sender
    if message_type == INCOMING:
        sender = ("Contact", conversation["contact_id"])
    elif values.get("sender_type") == "AgentBot" and values.get("sender_id"):
        sender = ("AgentBot", site.find("bot", whole(values["sender_id"]))["id"])
    content = values.get("content")
    return create_message(
        site,
        conversation,
        message_type,
        None if content is None else str(content),
        sender,
        private=flag(values.get("private")),
        content_type=content_type,
        content_attributes=_content_attributes(values, content_type),
        source_id=values.get("source_id"),
        additional_attributes={
            name: values[name] for name in ("template_params",) if values.get(name)
        },
        attachments=files,
    )


def _content_attributes(values: dict[str, Any], content_type: str) -> dict[str, Any]:
    attributes = values.get("content_attributes") or {}
    if isinstance(attributes, str):
        try:
            attributes = json.loads(attributes)
        except ValueError:
            raise refused("content_attributes is not JSON") from None
    if not isinstance(attributes, dict):
        raise refused("content_attributes must be an object")
    if content_type in ("input_select", "cards", "form", "article") and not attributes.get("items"):
        raise refused("Validation failed: Content attributes At least one item is required.")
    return attributes


@endpoint(f"{ITEMS}/<int:message_id>", "DELETE")
def delete(site: Site, caller: Caller, number: int, message_id: int) -> Any:
    message = _message(site, find_conversation(site, caller, number), message_id)
    delete_message(site, message)
    return rest.message(site, message)


@endpoint(f"{ITEMS}/<int:message_id>", "PATCH")
def set_status(site: Site, caller: Caller, number: int, message_id: int) -> Any:
    if not site.version.has("message_patch"):
        raise ApiError(404, "")
    conversation = find_conversation(site, caller, number)
    message = _message(site, conversation, message_id)
    if site.find("inbox", conversation["inbox_id"])["channel"] != "api":
        raise ApiError(403, {"error": "Message status update is only allowed for API inboxes"})
    values = fields()
    status = values.get("status")
    backwards = message["status"] == "read" and status == "delivered"
    if status in STATUSES and not backwards:
        attributes = dict(message["content_attributes"])
        if status == "failed" and values.get("external_error"):
            attributes["external_error"] = values["external_error"]
        update_message(site, message, status=status, content_attributes=attributes)
    return rest.message(site, message)
