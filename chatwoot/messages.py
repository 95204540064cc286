"""Messages of Chatwoot's application API: posted with our mark, read on, and found again by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chatwoot.http import Wire
from chatwoot.installation import Installation
from chatwoot.objects import API_CHANNEL, MARK, WEB_WIDGET, Message

AFTER_WINDOW = 100
CLOCK_ALLOWANCE = timedelta(seconds=5)
# Elsewhere a message with a source_id counts as already delivered and never leaves (api.md 4.2).
SOURCE_ID_CHANNELS = (WEB_WIDGET, API_CHANNEL)


class Messages:
    """Those of one account's conversations; `number` is a conversation's display id.

    Every call raises as `Wire.send` does.
    """

    def __init__(self, wire: Wire, account_id: int, installation: Installation):
        self._wire = wire
        self._account_id = account_id
        self._installation = installation

    def after(self, number: int, after_id: int) -> Iterator[Message]:
        """Messages with a higher id, ascending, window after window of 100 (api.md 4.2)."""
        while True:
            rows = self._window(number, after_id)
            yield from rows
            if len(rows) < AFTER_WINDOW or rows[-1].id <= after_id:
                return
            after_id = rows[-1].id

    def create(
        self,
        number: int,
        content: str,
        *,
        effect_key: str,
        channel: str | None,
        private: bool = False,
        items: Sequence[Mapping[str, str]] = (),
        template: Mapping[str, Any] | None = None,
    ) -> Message:
        """Post one outgoing message or private note, bearing our mark where the version allows.

        effect_key: our mark; from 4.14 in content_attributes, before that as source_id in web
        widget and API inboxes, elsewhere nowhere (api.md 4.2, 4.3). channel: the conversation's,
        such as `Channel::WebWidget`. content is rendered as Liquid over there: words people typed
        pass through `liquid.escape_liquid` first. items: title and value of each button under the
        message; what is pressed comes back as `submitted_values` of a `message_updated`. template:
        `template_params` of an approved one, which the customer gets instead of content.
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
        if self._installation.capabilities().keeps_content_attributes:
            attributes[MARK] = effect_key
        elif channel in SOURCE_ID_CHANNELS:
            body["source_id"] = effect_key
        if attributes:
            body["content_attributes"] = attributes
        if template is not None:
            body["template_params"] = dict(template)
        return self._wire.ask(
            "POST",
            self._of(number),
            Message.of,
            body=body,
            conversation=f"{self._account_id}/{number}",
        )

    def find(
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
        for message in self.after(number, after_id):
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
        known = self._installation.known_capabilities()
        return channel in SOURCE_ID_CHANNELS or (
            known is not None and known.keeps_content_attributes
        )

    def _window(self, number: int, after_id: int) -> list[Message]:
        return self._wire.ask(
            "GET",
            self._of(number),
            lambda data: [Message.of(row) for row in data["payload"]],
            params={"after": after_id},
        )

    def _of(self, number: int) -> str:
        return f"/api/v1/accounts/{self._account_id}/conversations/{number}/messages"
