"""Messages and what they set in motion: reopening, waiting time, greeting, survey, failures.

Source: api.md 4.2, webhooks.md 2.1, 3.1 and 8.
"""

from __future__ import annotations

from typing import Any

from .. import liquid
from ..errors import refused
from ..shapes.push import ACTIVITY, MESSAGE_TYPES
from ..site import Site
from ..store import Row
from ..times import now
from .contacts import save_contact
from .conversations import change_conversation, touch

INCOMING, OUTGOING, TEMPLATE = (
    MESSAGE_TYPES.index(name) for name in ("incoming", "outgoing", "template")
)
LONGEST_CONTENT = 150_000
MESSAGES_PER_MINUTE = 200
DELETED = "This message was deleted"
KEPT_BEFORE_FREE_KEYS = ("items", "in_reply_to", "automation_rule_id")


def create_message(
    site: Site,
    conversation: Row,
    message_type: int,
    content: str | None,
    sender: tuple[str, int] | None,
    **columns: Any,
) -> Row:
    """sender: ("Contact" | "User" | "AgentBot", id). columns: private, content_type,
    content_attributes, additional_attributes, source_id, attachments.

    Raises ApiError 422 above 200 messages a minute or 150 000 characters.
    """
    _check_limits(site, conversation, content)
    if content and message_type in (OUTGOING, TEMPLATE):
        content = liquid.render(content, _variables(site, conversation, sender))
    message = _insert(site, conversation, message_type, content, sender, columns)
    site.hooks.emit("message_created", "message", message)
    touch(site, conversation, message["created_at"])
    if message_type == INCOMING:
        _after_incoming(site, conversation, message)
    elif message_type == OUTGOING and not message["private"]:
        _after_reply(site, conversation, message)
    return message


def note_activity(site: Site, conversation: Row, content: str) -> None:
    """An activity line in the thread; never announced to any hook."""
    message = _insert(site, conversation, ACTIVITY, content, None, {})
    touch(site, conversation, message["created_at"])


def update_message(site: Site, message: Row, **wanted: Any) -> None:
    message.update(wanted, updated_at=now())
    site.store.save("message", message)
    site.hooks.emit("message_updated", "message", message)


def delete_message(site: Site, message: Row) -> None:
    """Soft: the text is replaced, files vanish."""
    attributes = {"deleted": True}
    update_message(site, message, content=DELETED, content_attributes=attributes, attachments=[])


def delivery_failed(site: Site, message: Row, error: str) -> None:
    """The API inbox's webhook did not take the message (webhooks.md 3.1)."""
    if message["status"] != "failed":
        attributes = message["content_attributes"] | {"external_error": error}
        update_message(site, message, status="failed", content_attributes=attributes)


def bot_failed(site: Site, message: Row) -> None:
    """The bot did not take a message: since 4.7 a pending conversation opens for people."""
    conversation = site.find("conversation", message["conversation_id"])
    if conversation["status"] == "pending" and site.version.has("bot_failure_opens"):
        change_conversation(site, conversation, status="open")
        note_activity(site, conversation, "Conversation was marked open by system due to an error")


def survey(site: Site, conversation: Row) -> None:
    """The satisfaction question after resolving, once per conversation (api.md 6.13)."""
    inbox = site.find("inbox", conversation["inbox_id"])
    messages = site.store.messages_of[conversation["id"]]
    asked = any(message["content_type"] == "input_csat" for message in messages)
    wrote = any(message["message_type"] == INCOMING for message in messages)
    if inbox["csat_survey_enabled"] and wrote and not asked:
        text = "Please rate the conversation"
        if inbox["channel"] != "web_widget":
            text = f"{text}, {site.public_url}/survey/responses/{conversation['uuid']}"
        create_message(site, conversation, TEMPLATE, text, None, content_type="input_csat")


def _check_limits(site: Site, conversation: Row, content: str | None) -> None:
    if content and len(content) > LONGEST_CONTENT:
        raise refused("Validation failed: Content is too long (maximum is 150000 characters)")
    messages = site.store.messages_of[conversation["id"]]
    recent = messages[-MESSAGES_PER_MINUTE:]
    if len(recent) == MESSAGES_PER_MINUTE and recent[0]["created_at"] > now() - 60:
        raise refused("Validation failed: Too many messages")


def _insert(
    site: Site,
    conversation: Row,
    message_type: int,
    content: str | None,
    sender: tuple[str, int] | None,
    columns: dict[str, Any],
) -> Row:
    moment = now()
    attributes = columns.get("content_attributes") or {}
    if not site.version.has("content_attributes"):
        attributes = {k: v for k, v in attributes.items() if k in KEPT_BEFORE_FREE_KEYS}
    return site.store.insert(
        "message",
        {
            "conversation_id": conversation["id"],
            "message_type": message_type,
            "content": content,
            "private": columns.get("private", False),
            "status": "sent",
            "content_type": columns.get("content_type", "text"),
            "content_attributes": attributes,
            "additional_attributes": columns.get("additional_attributes") or {},
            "source_id": columns.get("source_id"),
            "attachments": columns.get("attachments") or [],
            "sender_type": sender[0] if sender else None,
            "sender_id": sender[1] if sender else None,
            "created_at": moment,
            "updated_at": moment,
        },
    )


def _after_incoming(site: Site, conversation: Row, message: Row) -> None:
    moment = message["created_at"]
    contact = site.find("contact", conversation["contact_id"])
    save_contact(site, contact, {"last_activity_at": moment})
    wanted: dict[str, Any] = {}
    if conversation["waiting_since"] is None:
        wanted["waiting_since"] = moment
    inbox = site.find("inbox", conversation["inbox_id"])
    if conversation["status"] == "snoozed":
        wanted |= {"status": "open", "snoozed_until": None}
    elif conversation["status"] == "resolved" and not contact["blocked"]:
        wanted["status"] = "pending" if inbox["bot_id"] else "open"
    change_conversation(site, conversation, **wanted)
    first = len(site.store.messages_of[conversation["id"]]) == 1
    if first and inbox["greeting_enabled"] and inbox["greeting_message"]:
        create_message(site, conversation, TEMPLATE, inbox["greeting_message"], None)


def _after_reply(site: Site, conversation: Row, message: Row) -> None:
    wanted: dict[str, Any] = {"waiting_since": None}
    if message["sender_type"] == "User" and conversation["first_reply_created_at"] is None:
        wanted["first_reply_created_at"] = message["created_at"]
    change_conversation(site, conversation, **wanted)


def _variables(site: Site, conversation: Row, sender: tuple[str, int] | None) -> dict[str, Any]:
    """What Liquid knows on the server (api.md 6.4)."""
    contact = site.find("contact", conversation["contact_id"])
    inbox = site.find("inbox", conversation["inbox_id"])
    variables = _name_variables("contact", contact["name"])
    for key in ("id", "email", "phone_number"):
        variables[f"contact.{key}"] = contact[key]
    agent_id = sender[1] if sender and sender[0] == "User" else conversation["assignee_id"]
    if agent := site.store.get("agent", agent_id):
        variables |= _name_variables("agent", agent["name"])
        variables["agent.email"] = agent["email"]
        variables["agent.available_name"] = agent["name"]
    variables["conversation.display_id"] = conversation["id"]
    variables["inbox.name"], variables["inbox.id"] = inbox["name"], inbox["id"]
    variables["account.name"] = site.account["name"]
    for owner, row in (("contact", contact), ("conversation", conversation)):
        for key, value in row["custom_attributes"].items():
            variables[f"{owner}.custom_attribute.{key}"] = value
    return variables


def _name_variables(owner: str, name: str) -> dict[str, Any]:
    words = name.split()
    variables = {f"{owner}.name": " ".join(w[:1].upper() + w[1:] for w in words)}
    if len(words) > 1:
        variables[f"{owner}.first_name"] = words[0].capitalize()
        variables[f"{owner}.last_name"] = words[-1].capitalize()
    return variables
