"""Chatwoot's application API, typed: conversations and contacts of one account.

Its messages are in `messages.py` (`client.messages`), its settings in `account.py`
(`client.account`), the release in `installation.py` (`client.installation`), failures in
`faults.py`. No database here: callers decide what to send and when to ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests

from chatwoot.account import Account
from chatwoot.http import Wire
from chatwoot.installation import Installation
from chatwoot.messages import Messages
from chatwoot.objects import Conversation
from chatwoot.throttle import Throttle

T = TypeVar("T")


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
        self.installation = Installation(self._wire)
        self.messages = Messages(self._wire, account_id, self.installation)
        self.account = Account(self._wire, self._path)

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
        sort_by: str = "last_activity_at_desc",
    ) -> Iterator[Conversation]:
        """Page after page; with `updated_within` (seconds) Chatwoot gives all at once.

        api.md 3.2. Pages are cut anew for each request: a conversation that moves meanwhile can
        come twice. The end is an empty page, because its size is a setting of Chatwoot's.
        """
        params: dict[str, Any] = {"status": status, "assignee_type": "all", "sort_by": sort_by}
        if updated_within is not None:
            params["updated_within"] = updated_within
        page = 1
        while True:
            rows = self._get(
                "/conversations",
                lambda data: [Conversation.of(row) for row in data["data"]["payload"]],
                params | {"page": page},
            )
            yield from rows
            if not rows or updated_within is not None:
                return
            page += 1

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

    def delete_contact(self, contact_id: int) -> None:
        """With everything they wrote (api.md 2.3). Raises Gone, Rejected (422 while online)."""
        self._wire.send("DELETE", f"{self._path}/contacts/{contact_id}")

    def update_contact(self, contact_id: int, **fields: Any) -> dict[str, Any]:
        """api.md 2.3: custom_attributes are merged by key; an identifier must never be empty."""
        path = f"{self._path}/contacts/{contact_id}"
        return self._wire.ask("PATCH", path, _payload, body=fields)

    def destroy_contact_attributes(self, contact_id: int, keys: list[str]) -> dict[str, Any]:
        """Remove custom attributes; merging cannot (api.md 2.3)."""
        path = f"/contacts/{contact_id}/destroy_custom_attributes"
        return self._post(path, _payload, {"custom_attributes": keys})

    def _get(self, path: str, shape: Callable[[Any], T], params: dict[str, Any] | None = None) -> T:
        return self._wire.ask("GET", self._path + path, shape, params=params)

    def _post(self, path: str, shape: Callable[[Any], T], body: dict[str, Any]) -> T:
        return self._wire.ask("POST", self._path + path, shape, body=body)


def _payload(data: Any) -> Any:
    return data["payload"]
