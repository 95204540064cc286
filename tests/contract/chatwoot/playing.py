"""A sandbox Chatwoot on a free local port, for tests that need a whole account."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from chatwoot.client import Client
from chatwoot.sandbox import create_sandbox


class Recorder(requests.Session):
    """Keeps what was written, as (method, path below the account)."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[str, str]] = []

    def request(self, method, url, **options):
        if method != "GET":
            self.writes.append((method, url.split("/accounts/1")[1]))
        return super().request(method, url, **options)


class Handler(WSGIRequestHandler):
    def log(self, *_):
        """Request lines would bury a failing test's own output."""

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.server.clock_ahead_seconds)


class Shop:
    """The sandbox, clients for its first users, and what they wrote."""

    def __init__(self, version: str):
        self.session = Recorder()
        app = create_sandbox(None, public_url="http://127.0.0.1", version=version)
        self.store = app.extensions["sandbox"].store
        self.server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
        self.server.clock_ahead_seconds = 0
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def client(self, role: str = "administrator", account_id: int = 1) -> Client:
        agents = self.store.all("agent")
        token = next(row["access_token"] for row in agents if row["role"] == role)
        return Client(self.url, account_id, token, session=self.session)

    def rows(self, kind: str) -> list[dict]:
        return self.store.all(kind)


@contextmanager
def opened(version: str = "4.14.1") -> Iterator[Shop]:
    shop = Shop(version)
    thread = threading.Thread(target=shop.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        shop.server.shutdown()
        shop.server.server_close()
        thread.join(5)
