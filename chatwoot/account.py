"""The things an administrator sets up in a Chatwoot account: one table, three calls.

Serves `provision` and the staff views. Removing is left out on purpose: nothing here may delete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatwoot.http import Wire


@dataclass(frozen=True)
class Collection:
    """path: below the account. root: key around the fields of a write, "" for none.

    listed, written: keys that wrap the answer of a list and of a write, outermost first.
    """

    path: str
    root: str = ""
    listed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


COLLECTIONS = {
    "agents": Collection("/agents", "agent"),
    "agent_bots": Collection("/agent_bots"),
    "attribute_definitions": Collection(
        "/custom_attribute_definitions", "custom_attribute_definition"
    ),
    "canned_responses": Collection("/canned_responses", "canned_response"),
    "dashboard_apps": Collection("/dashboard_apps", "dashboard_app"),
    "inboxes": Collection("/inboxes", "", ("payload",)),
    "labels": Collection("/labels", "label", ("payload",)),
    "macros": Collection("/macros", "", ("payload",), ("payload",)),
    "teams": Collection("/teams", "team"),
    "webhooks": Collection("/webhooks", "webhook", ("payload", "webhooks"), ("payload", "webhook")),
}


class Account:
    """Settings of one account; every write needs an administrator's token (api.md 1.3).

    `kind` is a key of COLLECTIONS. All calls raise as `Wire.send` does.
    """

    def __init__(self, wire: Wire, path: str):
        self._wire = wire
        self._path = path

    def items(self, kind: str, **params: str) -> list[dict[str, Any]]:
        """All rows; these lists are not paged (api.md 1.7)."""
        there = COLLECTIONS[kind]
        return self._wire.ask(
            "GET",
            self._path + there.path,
            lambda data: [dict(row) for row in _inside(data, there.listed)],
            params=params or None,
        )

    def item(self, kind: str, item_id: int) -> dict[str, Any]:
        """One row, with what lists leave out."""
        return self._wire.ask("GET", f"{self._path}{COLLECTIONS[kind].path}/{item_id}", dict)

    def create(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        return self._write("POST", kind, "", fields)

    def update(self, kind: str, item_id: int, fields: dict[str, Any]) -> dict[str, Any]:
        return self._write("PATCH", kind, f"/{item_id}", fields)

    def inbox_agent_bot(self, inbox_id: int) -> dict[str, Any] | None:
        """The bot connected to an inbox (api.md 5.3: `{}` when there is none)."""
        path = f"{self._path}/inboxes/{inbox_id}/agent_bot"
        return self._wire.ask("GET", path, lambda data: data.get("agent_bot") or None)

    def set_agent_bot(self, inbox_id: int, bot_id: int) -> None:
        """Connect a bot; from then on new conversations there start pending (api.md 5.4)."""
        path = f"{self._path}/inboxes/{inbox_id}/set_agent_bot"
        self._wire.send("POST", path, body={"agent_bot": bot_id})

    def _write(self, method: str, kind: str, tail: str, fields: dict[str, Any]) -> dict[str, Any]:
        there = COLLECTIONS[kind]
        body = {there.root: fields} if there.root else fields
        return self._wire.ask(
            method,
            self._path + there.path + tail,
            lambda data: dict(_inside(data, there.written)),
            body=body,
        )


def _inside(data: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        data = data[key]
    return data
