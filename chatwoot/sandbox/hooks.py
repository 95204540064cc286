"""Who is told about what: account webhooks, API-inbox webhooks and agent bots.

Source: webhooks.md 2, 3.1 and 8. Bodies for webhooks are built in the background from the rows
as they are then; bodies for bots at once. Sending itself is `delivery.py`.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from .delivery import Courier, Delivery
from .rules.messages import bot_failed, delivery_failed
from .shapes import push
from .site import Site
from .store import Row

SUBSCRIBABLE = (
    "conversation_created",
    "conversation_status_changed",
    "conversation_updated",
    "message_created",
    "message_updated",
    "contact_created",
    "contact_updated",
    "webwidget_triggered",
)
SUBSCRIBABLE_RARE = ("inbox_created", "inbox_updated")
SUBSCRIBABLE_TYPING = ("conversation_typing_on", "conversation_typing_off")
BOT_ONLY = {"conversation_opened", "conversation_resolved"}
BOT_ALWAYS = BOT_ONLY | {"message_created", "message_updated", "webwidget_triggered"}
BOT_LATER = {"conversation_updated", "conversation_status_changed"}
MESSAGE_EVENTS = {"message_created", "message_updated"}
BOT_TRIES = 3
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def encode(body: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON with the escapes of webhooks.md 5."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    # Text from JSON may hold half a surrogate pair, which UTF-8 cannot carry.
    return text.encode("utf-8", "replace")


class Hooks:
    """Announces events. Call `emit` inside the store's transaction that changed the rows."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.courier = Courier(self._finished)
        self.bot_retry_seconds = 3.0
        signed_later = site.version.has("all_hook_signatures")
        self._user_agent = "Ruby" if signed_later else "rest-client/2.1.0 (linux x86_64)"

    def emit(self, event: str, kind: str, row: Row, **extra: Any) -> None:
        """kind: conversation, message, contact or session (the row's). extra: further keys of
        the body: changed_attributes, or event_info of a widget opening."""
        for bot in self._bots(event, kind, row):
            body = self._body(event, kind, row, extra, live=True)
            self._dispatch(event, "bot", bot["outgoing_url"], body, bot["secret"], row["id"])
        if event not in BOT_ONLY and self._has_listeners(kind, row):
            self.courier.run(lambda: self._announce(event, kind, row, extra))

    def _has_listeners(self, kind: str, row: Row) -> bool:
        return bool(self._site.store.all("webhook")) or bool(self._inbox_url(kind, row))

    def _announce(self, event: str, kind: str, row: Row, extra: dict[str, Any]) -> None:
        with self._site.store.transaction():
            if self._site.store.get(kind, row["id"]) is not row:
                return  # deleted meanwhile: the delivery is dropped silently (webhooks.md 3.2)
            body = encode(self._body(event, kind, row, extra, live=False))
            targets = [
                ("account", hook["url"], hook["secret"])
                for hook in self._site.store.all("webhook")
                if event in hook["subscriptions"]
            ]
            if url := self._inbox_url(kind, row):
                targets.append(("inbox", url, self._inbox(kind, row)["secret"]))
        for target_kind, url, secret in targets:
            self._dispatch(event, target_kind, url, body, secret, row["id"])

    def _body(
        self, event: str, kind: str, row: Row, extra: dict[str, Any], *, live: bool
    ) -> dict[str, Any]:
        if kind == "session":
            body = push.widget_opened(self._site, row)
        elif kind == "contact":
            body = push.event_contact(self._site, row)
        elif kind == "message":
            body = push.message(self._site, row, live=live)
        else:
            body = push.conversation(self._site, row, live=live)
        return {**body, "event": event, **extra}

    def _dispatch(
        self,
        event: str,
        kind: str,
        url: str,
        body: bytes | dict[str, Any],
        secret: str,
        subject_id: int,
    ) -> None:
        feature = "account_hook_signature" if kind == "account" else "all_hook_signatures"
        key = secret if self._site.version.has(feature) else None
        raw = body if isinstance(body, bytes) else encode(body)
        copies = 2 if self._site.faults.happens("webhook_double") else 1
        for _ in range(copies):
            delivery = Delivery(event, kind, url, raw, key, self._user_agent, subject_id)
            if self._site.faults.happens("webhook_drop"):
                self.courier.note(delivery, None, "dropped by switch")
            else:
                self.courier.send(delivery, self._site.faults.delay_seconds())

    def _inbox(self, kind: str, row: Row) -> Row | None:
        store = self._site.store
        if kind == "message":
            row = self._site.find("conversation", row["conversation_id"])
        return store.get("inbox", row["inbox_id"]) if "inbox_id" in row else None

    def _inbox_url(self, kind: str, row: Row) -> str | None:
        inbox = self._inbox(kind, row)
        return inbox["webhook_url"] if inbox and inbox["channel"] == "api" else None

    def _bots(self, event: str, kind: str, row: Row) -> list[Row]:
        known = BOT_ALWAYS
        if self._site.version.has("bot_conversation_events"):
            known = BOT_ALWAYS | BOT_LATER
        inbox = self._inbox(kind, row) if event in known else None
        if inbox is None:
            return []
        conversation = row
        if kind == "message":
            conversation = self._site.find("conversation", row["conversation_id"])
        ids = {inbox["bot_id"], conversation.get("assignee_bot_id")} - {None}
        bots = [self._site.store.get("bot", bot_id) for bot_id in sorted(ids)]
        return [bot for bot in bots if bot and bot["outgoing_url"]]

    def _finished(self, delivery: Delivery, status: int | None, error: str | None) -> None:
        if error is None or delivery.kind == "account":
            return
        if delivery.kind == "bot" and self._may_retry(delivery, status):
            delivery.attempt += 1
            jitter = 1 + secrets.randbelow(150) / 1000
            self.courier.send(delivery, self.bot_retry_seconds * jitter)
        elif delivery.event in MESSAGE_EVENTS:
            with self._site.store.transaction():
                message = self._site.store.get("message", delivery.subject_id)
                if message is None:
                    return
                if delivery.kind == "bot":
                    bot_failed(self._site, message)
                else:
                    delivery_failed(self._site, message, error)

    def _may_retry(self, delivery: Delivery, status: int | None) -> bool:
        retries = self._site.version.has("bot_retries")
        return retries and status in (429, 500) and delivery.attempt < BOT_TRIES
