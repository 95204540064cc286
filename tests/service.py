"""The whole service on the test database beside a sandbox Chatwoot, for tests that need it joined.

Everything is real: the composition of `app.py`, HTTP both ways, PostgreSQL. Only the worker
processes are missing; `settle` runs the rows in the test's own thread until nothing is due.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

import app as composition
from bridge.settings import load
from chatwoot.client import Client
from chatwoot.codes import Mask
from chatwoot.reconcile import Reconcile
from chatwoot.sandbox.rules.messages import update_message
from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests import builders
from tests.contract.chatwoot import playing

EVENTS = [
    "conversation_created", "conversation_updated", "conversation_status_changed",
    "message_created", "message_updated", "contact_created", "contact_updated",
    "webwidget_triggered",
]  # fmt: skip
ENVIRON = {
    "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    "SHOP_NAME": "Quay Phones",
    "CHATWOOT_WEBHOOK_SECRET": builders.WEBHOOK_SECRET,
    "CHATWOOT_BOT_SECRET": builders.BOT_SECRET,
    "CHATWOOT_RATE_PER_SECOND": "1000",
    "HOLD_SECONDS": "0",
    "SETTLE_SECONDS": "0",
    "RETRY_LADDER": "0.05,0.05,0.05,600",
    "LOG_FORMAT": "json",
}


class Service:
    """parts: the composed service. sandbox: the Chatwoot it talks to."""

    def __init__(self, database_url: str, state_dir: Path, version: str, environ: dict[str, str]):
        self._sandbox = playing.opened(version)
        self.sandbox = self._sandbox.__enter__()
        self.account: Client = self.sandbox.client()
        site = self.sandbox.server.app.extensions["sandbox"]
        self.faults, self.courier = site.faults, site.hooks.courier
        site.webhook_secret = builders.WEBHOOK_SECRET
        token = next(
            r["access_token"] for r in site.store.all("agent") if r["role"] == "administrator"
        )
        settings = load(
            ENVIRON
            | {
                "STATE_DIR": str(state_dir),
                "CHATWOOT_URL": self.sandbox.url,
                "CHATWOOT_API_TOKEN": token,
            }
            | environ
        )
        self.parts = composition.compose(settings, database_url, None)
        self.units = self.parts.units
        self.app: Flask = composition.edge(self.parts)
        self.http = self.app.test_client()
        self.rows = self.parts.rows()
        self.server = make_server(
            "127.0.0.1", 0, self.app, threaded=True, request_handler=playing.Handler
        )
        self.server.clock_ahead_seconds = 0
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.courier.wait_until_idle(5)
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)
        self._sandbox.__exit__(None, None, None)
        self.parts.engine.dispose()

    def emptied(self) -> Service:
        """Without customers and what they wrote; the database is emptied by the caller."""
        assert self.courier.wait_until_idle(10)
        self.play("POST", "/reset", all=True)
        return self

    def subscribe(self, path: str = "/webhooks/chatwoot") -> None:
        """A website inbox in the sandbox, and its webhook to us."""
        url = f"http://127.0.0.1:{self.server.server_port}{path}"
        self.account.account.create("webhooks", {"url": url, "subscriptions": EVENTS})
        self.account.account.create(
            "inboxes",
            {
                "name": "Web",
                "channel": {"type": "web_widget", "website_url": "https://quay.example"},
            },
        )

    # -- in

    def post(
        self, body: bytes, headers: dict[str, str], path: str = "/webhooks/chatwoot"
    ) -> TestResponse:
        return self.http.post(path, data=body, headers=headers)

    def hear(self, name: str, body: dict[str, Any], **how: Any) -> TestResponse:
        """One signed delivery of Chatwoot's."""
        raw = json.dumps(builders.event(name, body)).encode()
        return self.post(raw, builders.signed(raw, **how))

    def shop_key(self, name: str = "till") -> staff.NewKey:
        with self.units() as uow:
            return staff.create_key(uow, self.parts.seal, SYSTEM, name=name, role="shop")

    def report(
        self, key: Any, kind: str, *, message_id: str | None = None, **data: Any
    ) -> TestResponse:
        """One signed event of a shop system's."""
        raw = builders.shop_event(kind, **data)
        headers = builders.shop_signed(raw, key.webhook_secret, message_id=message_id)
        return self.post(raw, headers, f"/webhooks/shops/{key.id}")

    # -- working

    def settle(self, *, patience: float = 30.0) -> None:
        """Work until nothing is due and nothing is on its way."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            assert self.courier.wait_until_idle(10), "the sandbox is still delivering"
            inbox, outbox = self._due("inbox", "pending"), self._due("outbox", "pending', 'unsure")
            if not inbox and not outbox:
                if not self._soon():
                    return
                time.sleep(0.02)
            self.rows.work(inbox, outbox)
        raise AssertionError("work is left over")

    def take_in(self) -> None:
        """Work off the inbox alone; what is owed to Chatwoot stays in the outbox."""
        while inbox := self._due("inbox", "pending"):
            self.rows.work(inbox, ())

    def owed(self, kind: str) -> int:
        return self.count("outbox", f"kind = 'chatwoot.{kind}' AND state = 'pending'")

    def _due(self, table: str, states: str) -> list[int]:
        return self.column(
            f"SELECT id FROM {table} WHERE state IN ('{states}') "
            "AND due_at <= clock_timestamp() ORDER BY id"
        )

    def _soon(self) -> bool:
        """Whether a row waits for a moment only: its lane was busy, or its first try failed."""
        soon = "due_at <= clock_timestamp() + interval '1 second'"
        return any(
            self.column(f"SELECT id FROM {table} WHERE state IN ('pending', 'unsure') AND {soon}")
            for table in ("inbox", "outbox")
        )

    def hasten(self) -> None:
        """What waits for a later moment is due now."""
        with self.units() as uow:
            uow.session.execute(
                text("UPDATE inbox SET due_at = clock_timestamp() WHERE state = 'pending'")
            )
            uow.session.execute(
                text("UPDATE outbox SET due_at = clock_timestamp() WHERE state = 'pending'")
            )

    def reconcile(self):
        return Reconcile(self.parts.client, self.units, Mask(self.parts.seal)).run()

    # -- looking

    def table(self, query: str, **values: Any) -> list[Any]:
        with self.units() as uow:
            return list(uow.session.execute(text(query), values))

    def column(self, query: str, **values: Any) -> list[Any]:
        return [row[0] for row in self.table(query, **values)]

    def one(self, query: str, **values: Any) -> Any:
        (value,) = self.column(query, **values)
        return value

    def count(self, table: str, where: str = "true") -> int:
        return self.one(f"SELECT count(*) FROM {table} WHERE {where}")

    def unfinished(self) -> list[Any]:
        """Rows that ended badly or not at all."""
        return self.table(
            "SELECT 'inbox', type, state, reason FROM inbox WHERE state NOT IN ('done', 'ignored') "
            "UNION ALL SELECT 'outbox', kind, state, reason FROM outbox "
            "WHERE state NOT IN ('done', 'cancelled')"
        )

    # -- playing in the sandbox

    def play(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """A call to the sandbox's own control API."""
        answer = requests.request(
            method, f"{self.sandbox.url}/sandbox/api{path}", json=body or None, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def visitor(self, name: str = "Ilse Brandt", **fields: Any) -> int:
        return self.play("POST", "/customers", name=name, **fields)["contact"]["id"]

    def writes(self, contact_id: int, content: str) -> int:
        """A visitor's message; the number of its conversation."""
        answer = self.play("POST", f"/customers/{contact_id}/messages", content=content)
        return answer["conversation_id"]

    def agent(self, number: int, content: str, *, private: bool = False) -> dict[str, Any]:
        agent_id = self.play("GET", "/credentials")["agent_id"]
        return self.play(
            "POST", f"/agents/{agent_id}/messages",
            conversation_id=number, content=content, private=private,
        )  # fmt: skip

    def sent(self, number: int) -> dict[str, Any]:
        """The last message we posted there for the customer to see."""
        return [m for m in self._ours(number) if not m["private"]][-1]

    def becomes(self, number: int, status: str, error: str | None = None) -> None:
        """Its channel says what became of that message, and Chatwoot tells it on."""
        site, ours = self.sandbox.server.app.extensions["sandbox"], self.sent(number)["id"]
        with site.store.transaction():
            row = next(m for m in site.store.messages_of[number] if m["id"] == ours)
            known = {k: v for k, v in row["content_attributes"].items() if k != "external_error"}
            told = known | ({"external_error": error} if error else {})
            update_message(site, row, status=status, content_attributes=told)

    def thread(self, number: int) -> dict[str, Any]:
        """The conversation as Chatwoot has it, with all messages."""
        return self.play("GET", f"/conversations/{number}")

    def told(self, number: int) -> list[str]:
        """What we wrote for the customer to see."""
        return [m["content"] for m in self._ours(number) if not m["private"]]

    def notes(self, number: int) -> list[str]:
        """What we wrote for agents only."""
        return [m["content"] for m in self._ours(number) if m["private"]]

    def attributes(self, contact_id: int) -> dict[str, Any]:
        """Those of a contact."""
        contacts = {row["id"]: row for row in self.sandbox.rows("contact")}
        return contacts[contact_id]["custom_attributes"]

    def _ours(self, number: int) -> list[dict[str, Any]]:
        return [
            m for m in self.thread(number)["messages"]
            if m["message_type"] == 1
            and (m["content_attributes"].get("mendline") or m.get("source_id"))
        ]  # fmt: skip

    def open_thread(self, content: str = "Hello, my screen broke", **who: Any) -> int:
        """A new customer wrote, and we have taken it in; the number of the conversation."""
        number = self.writes(self.visitor(**who), content)
        self.settle()
        return number


@contextmanager
def running(database_url: str, *, version: str = "4.14.1", **environ: str) -> Iterator[Service]:
    """environ: settings beside ENVIRON."""
    with tempfile.TemporaryDirectory(prefix="mendline-") as state_dir:
        service = Service(database_url, Path(state_dir), version, environ)
        try:
            yield service
        finally:
            service.close()
