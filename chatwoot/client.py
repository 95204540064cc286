"""Chatwoot's application API, typed: conversations, messages, contacts.

Account settings are in `account.py` (`client.account`), failures in `faults.py`, version
differences in `versions.py`. No database here: callers decide what to send and when to ask again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import requests

from chatwoot.account import Account
from chatwoot.faults import Gone, Rejected, http_date
from chatwoot.http import Wire
from chatwoot.objects import API_CHANNEL, MARK, WEB_WIDGET, Conversation, Health, Message
from chatwoot.throttle import Throttle
from chatwoot.versions import Capabilities, Version, capabilities_of, parse
from crm.core.errors import Temporary

__all__ = ["Client", "Gone", "Rejected"]

T = TypeVar("T")
AFTER_WINDOW = 100
VERSION_SECONDS = 600
CLOCK_ALLOWANCE = timedelta(seconds=5)
# Elsewhere a message with a source_id counts as already delivered and never leaves (api.md 4.2).
SOURCE_ID_CHANNELS = (WEB_WIDGET, API_CHANNEL)


class Client:
    """One Chatwoot account under an administrator's token; every call raises as `Wire.send` does.

    bot_token: used only by calls with `as_bot`; has_bot tells whether there is one.
    timeout: connect and total seconds.
    Conversation numbers (`number`) are display ids; contact and message ids are database ids.
    """

    def __init__(
        self,
        base_url: str,
        account_id: int,
        token: str,
        *,
        bot_token: str | None = None,
        timeout: tuple[float, float] = (3.0, 10.0),
        throttle: Throttle | None = None,
        session: requests.Session | None = None,
    ):
        self.account_id = account_id
        self.has_bot = bool(bot_token)
        self._wire = Wire(
            base_url,
            token,
            bot_token=bot_token,
            timeout=timeout,
            throttle=throttle,
            session=session,
        )
        self._path = f"/api/v1/accounts/{account_id}"
        self._version: tuple[Version, float] | None = None
        self.account = Account(self._wire, self._path)

    def health(self) -> Health:
        """Version and state of Chatwoot's own stores (selfhost.md 5: 200 even when failing)."""
        answer = self._wire.send("GET", "/api")
        told = answer.data if isinstance(answer.data, dict) else {}
        return Health(
            version=str(told.get("version", "")),
            queue_ok=told.get("queue_services") == "ok",
            data_ok=told.get("data_services") == "ok",
            at=http_date(answer.headers.get("Date")),
        )

    def version(self) -> Version:
        """For example (4, 14, 0); asked again after ten minutes, since Chatwoot gets upgraded.

        Raises Temporary too when the answer is no version: a proxy's page, say.
        """
        if self._version is None or time.monotonic() > self._version[1]:
            try:
                version = parse(self.health().version)
            except ValueError as error:
                raise Temporary("Chatwoot does not tell its version") from error
            self._version = version, time.monotonic() + VERSION_SECONDS
        return self._version[0]

    def capabilities(self) -> Capabilities:
        return capabilities_of(self.version())

    def profile(self) -> dict[str, Any]:
        """The user behind the token, with its role in each of `accounts` (selfhost.md 6)."""
        return self._wire.ask("GET", "/api/v1/profile", dict)

    def conversation(self, number: int) -> Conversation:
        """api.md 3.2. Raises Gone for an unknown number."""
        return self._get(f"/conversations/{number}", Conversation.of)

    def conversations(
        self,
        status: str = "all",
        *,
        updated_within: int | None = None,
        page: int | None = None,
        sort_by: str = "last_activity_at_desc",
    ) -> Iterator[Conversation]:
        """Page after page, or one page; with `updated_within` (seconds) Chatwoot gives all at once.

        api.md 3.2. Pages are cut anew for each request: a conversation that moves meanwhile can
        come twice. The end is an empty page, because its size is a setting of Chatwoot's.
        """
        params: dict[str, Any] = {"status": status, "assignee_type": "all", "sort_by": sort_by}
        if updated_within is not None:
            params["updated_within"] = updated_within
        number = page or 1
        while True:
            rows = self._get(
                "/conversations",
                lambda data: [Conversation.of(row) for row in data["data"]["payload"]],
                params | {"page": number},
            )
            yield from rows
            if not rows or page is not None or updated_within is not None:
                return
            number += 1

    def messages_after(self, number: int, after_id: int) -> Iterator[Message]:
        """Messages with a higher id, ascending, window after window of 100 (api.md 4.2)."""
        while True:
            rows = self._window(number, {"after": after_id})
            yield from rows
            if len(rows) < AFTER_WINDOW or rows[-1].id <= after_id:
                return
            after_id = rows[-1].id

    def messages_before(self, number: int, before_id: int | None = None) -> Iterator[Message]:
        """Messages with a lower id (None: all), newest first, in windows of 20 (api.md 4.2)."""
        while True:
            rows = self._window(number, {} if before_id is None else {"before": before_id})
            yield from reversed(rows)
            if not rows or (before_id is not None and rows[0].id >= before_id):
                return
            before_id = rows[0].id

    def create_message(
        self,
        number: int,
        content: str,
        *,
        effect_key: str,
        channel: str | None,
        private: bool = False,
        as_bot: bool = False,
        items: Sequence[Mapping[str, str]] = (),
    ) -> Message:
        """Post one outgoing message or private note, bearing our mark where the version allows.

        effect_key: our mark; from 4.14 in content_attributes, before that as source_id in web
        widget and API inboxes, elsewhere nowhere (api.md 4.2, 4.3). channel: the conversation's,
        such as `Channel::WebWidget`. content is rendered as Liquid over there: words people typed
        pass through `liquid.escape_liquid` first. items: title and value of each button under the
        message; what is pressed comes back as `submitted_values` of a `message_updated`.
        """
        body: dict[str, Any] = {
            "content": content,
            "message_type": "outgoing",
            "private": private,
        }
        attributes: dict[str, Any] = {}
        if items:
            body["content_type"] = "input_select"
            attributes["items"] = [dict(item) for item in items]
        if self.capabilities().keeps_content_attributes:
            attributes[MARK] = effect_key
        elif channel in SOURCE_ID_CHANNELS:
            body["source_id"] = effect_key
        if attributes:
            body["content_attributes"] = attributes
        return self._wire.ask(
            "POST",
            f"{self._path}/conversations/{number}/messages",
            Message.of,
            body=body,
            as_bot=as_bot,
            conversation=f"{self.account_id}/{number}",
        )

    def find_message(
        self,
        number: int,
        after_id: int,
        *,
        effect_key: str,
        content: str,
        private: bool,
        not_before: datetime,
        has_mark: bool,
    ) -> Message | None:
        """The message an unsure send may have left behind, or None when it is surely absent.

        after_id: highest message id known before the first try. has_mark: whether a message of
        that try surely bears our mark (`surely_marks`). Looks for the mark; where there may be
        none, also for an outgoing message without any, with the same text and privacy, made since
        not_before (the first try).
        """
        by_text = None
        for message in self.messages_after(number, after_id):
            if message.carries(effect_key):
                return message
            same = (
                message.kind == "outgoing"
                and message.private == private
                and (message.content or "").strip() == content.strip()
                and not message.source_id
                and MARK not in message.content_attributes
                and message.created_at is not None
                and message.created_at >= not_before - CLOCK_ALLOWANCE
            )
            if same and by_text is None:
                by_text = message
        return None if has_mark else by_text

    def surely_marks(self, channel: str | None) -> bool:
        """Whether what is sent now to such a channel bears our mark, as far as known without asking."""
        told = self._version
        return channel in SOURCE_ID_CHANNELS or (
            told is not None and capabilities_of(told[0]).keeps_content_attributes
        )

    def set_conversation_attributes(
        self, number: int, attributes: dict[str, Any]
    ) -> dict[str, Any]:
        """Replace the whole set (api.md 3.2): the caller reads, merges and keeps writers apart."""
        return self._post(
            f"/conversations/{number}/custom_attributes",
            lambda data: data["custom_attributes"],
            {"custom_attributes": attributes},
        )

    def set_labels(self, number: int, labels: list[str]) -> list[str]:
        """Replace the whole list (api.md 3.2); a name with a comma would become two."""
        return self._post(f"/conversations/{number}/labels", _payload, {"labels": labels})

    def toggle_status(self, number: int, status: str, *, as_bot: bool = False) -> str:
        """Set a status and return the one it has now (api.md 3.2).

        as_bot: from pending to open this is the hand-off to people.
        """
        return self._wire.ask(
            "POST",
            f"{self._path}/conversations/{number}/toggle_status",
            lambda data: data["payload"]["current_status"],
            body={"status": status},
            as_bot=as_bot,
        )

    def contact(self, contact_id: int) -> dict[str, Any]:
        """api.md 2.3. Raises Gone when it was deleted or merged into another."""
        return self._get(f"/contacts/{contact_id}", _payload)

    def delete_contact(self, contact_id: int) -> None:
        """With everything they wrote (api.md 2.3). Raises Gone, Rejected (422 while online)."""
        self._wire.send("DELETE", f"{self._path}/contacts/{contact_id}")

    def contact_conversations(self, contact_id: int) -> list[Conversation]:
        """The newest twenty (api.md 2.3)."""
        return self._get(
            f"/contacts/{contact_id}/conversations",
            lambda data: [Conversation.of(row) for row in data["payload"]],
        )

    def filter_contacts(
        self, conditions: list[dict[str, Any]], page: int = 1
    ) -> list[dict[str, Any]]:
        """Exact look-up, fifteen a page; syntax and traps in api.md 2.4."""
        return self._wire.ask(
            "POST",
            f"{self._path}/contacts/filter",
            _payload,
            body={"payload": conditions},
            params={"page": page},
            reads=True,
        )

    def update_contact(self, contact_id: int, **fields: Any) -> dict[str, Any]:
        """api.md 2.3: custom_attributes are merged by key; an identifier must never be empty."""
        path = f"{self._path}/contacts/{contact_id}"
        return self._wire.ask("PATCH", path, _payload, body=fields)

    def destroy_contact_attributes(self, contact_id: int, keys: list[str]) -> dict[str, Any]:
        """Remove custom attributes; merging cannot (api.md 2.3)."""
        path = f"/contacts/{contact_id}/destroy_custom_attributes"
        return self._post(path, _payload, {"custom_attributes": keys})

    def _window(self, number: int, params: dict[str, Any]) -> list[Message]:
        return self._get(
            f"/conversations/{number}/messages",
            lambda data: [Message.of(row) for row in data["payload"]],
            params,
        )

    def _get(self, path: str, shape: Callable[[Any], T], params: dict[str, Any] | None = None) -> T:
        return self._wire.ask("GET", self._path + path, shape, params=params)

    def _post(self, path: str, shape: Callable[[Any], T], body: dict[str, Any]) -> T:
        return self._wire.ask("POST", self._path + path, shape, body=body)


def _payload(data: Any) -> Any:
    return data["payload"]
