"""What a customer does in the website widget: arrive, write, open the bubble."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..errors import refused
from ..shapes.push import ACTIVITY
from ..site import Site
from ..store import Row
from ..times import now
from .contacts import create_contact, find_or_create_session
from .conversations import create_conversation
from .messages import INCOMING, create_message

REFERER = "https://shop.example.test/repairs"
BROWSER = {
    "browser_name": "Firefox",
    "browser_version": "126.0",
    "device_name": "Unknown",
    "platform_name": "Linux",
    "platform_version": "0",
}


def widget_inbox(site: Site, inbox_id: int | None = None) -> Row:
    """The named inbox, else the first website inbox. Raises ApiError 422 when there is none."""
    if inbox_id is not None:
        return site.find("inbox", inbox_id)
    for inbox in site.store.all("inbox"):
        if inbox["channel"] == "web_widget":
            return inbox
    raise refused("There is no website inbox yet: create one first, as `provision` does.")


def arrive(site: Site, values: dict[str, Any]) -> tuple[Row, Row]:
    """A new contact with a session in the inbox; values as in the contact API, with `phone`
    and `hmac_verified` (needs an identifier). Returns contact, session."""
    inbox = widget_inbox(site, values.get("inbox_id"))
    verified = bool(values.get("hmac_verified"))
    if verified and not values.get("identifier"):
        raise refused("hmac_verified needs an identifier: only an identifier can be proven.")
    keys = ("name", "email", "identifier", "custom_attributes", "additional_attributes")
    known = {key: values[key] for key in keys if values.get(key)}
    contact = create_contact(site, {**known, "phone_number": values.get("phone")})
    session = find_or_create_session(site, contact, inbox, None, hmac_verified=verified)
    return contact, session


def write(
    site: Site, contact: Row, content: str | None, attachments: list[Row] | None = None
) -> Row:
    """One message of the visitor: into the session's last conversation, or a new one."""
    session = _session(site, contact)
    inbox = site.find("inbox", session["inbox_id"])
    earlier = site.store.conversations_of_session[session["id"]]
    conversation = earlier[-1] if earlier else None
    closed = conversation is not None and conversation["status"] == "resolved"
    if conversation is None or closed and not inbox["allow_messages_after_resolved"]:
        conversation = create_conversation(
            site,
            contact,
            session,
            {
                "additional_attributes": {
                    "browser": BROWSER,
                    "referer": REFERER,
                    "initiated_at": {"timestamp": _browser_date()},
                    "browser_language": "en",
                }
            },
        )
    conversation["contact_last_seen_at"] = now()
    return create_message(
        site,
        conversation,
        INCOMING,
        content,
        ("Contact", contact["id"]),
        content_attributes={"in_reply_to": None},
        attachments=attachments,
    )


def open_bubble(site: Site, contact: Row) -> None:
    """The visitor opened the widget."""
    session = _session(site, contact)
    event_info = {
        "initiated_at": {"timestamp": _browser_date()},
        "referer": REFERER,
        "widget_language": "en",
        "browser_language": "en",
        "browser": BROWSER,
    }
    site.hooks.emit("webwidget_triggered", "session", session, event_info=event_info)


def thread(site: Site, contact: Row) -> list[Row]:
    """What the visitor sees: public messages of the session's last conversation."""
    sessions = site.store.sessions_of[contact["id"]]
    conversations = site.store.conversations_of_session[sessions[-1]["id"]] if sessions else []
    if not conversations:
        return []
    messages = site.store.messages_of[conversations[-1]["id"]]
    return [m for m in messages if not m["private"] and m["message_type"] != ACTIVITY]


def widget_access(site: Site, contact: Row) -> Row | None:
    """`website_token` and `visitor` of the widget's calls; None for who never used a website."""
    sessions = site.store.sessions_of[contact["id"]]
    inbox = site.find("inbox", sessions[-1]["inbox_id"]) if sessions else None
    if inbox is None or inbox["channel"] != "web_widget":
        return None
    return {"website_token": inbox["website_token"], "visitor": sessions[-1]["source_id"]}


def _session(site: Site, contact: Row) -> Row:
    sessions = site.store.sessions_of[contact["id"]]
    if sessions:
        return sessions[-1]
    return find_or_create_session(site, contact, widget_inbox(site), None)


def _browser_date() -> str:
    # Free text of a browser's clock, deliberately not ISO (webhooks.md 6.2).
    return datetime.now(UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Greenwich Mean Time)")
