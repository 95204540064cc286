"""Starts a stand-in Stripe on a free port, or without any port inside the test's own process.

with running() as stripe:
    service = ...(**stripe.environ)
    stripe.subscribe("http://127.0.0.1:1234/webhooks/stripe")
    ... stripe.books.pay(session_id) ...
    stripe.courier.deliver()
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import stripe
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.standins.stripe import server
from tests.standins.stripe.books import Books
from tests.standins.stripe.courier import Courier
from tests.standins.stripe.server import Api, Faults

KEY = "sk_test_standin0123456789abcdefghij"
WEBHOOK_SECRET = "whsec_standin0123456789abcdefghijklmn"


@dataclass
class StandIn:
    """books: what it knows, and what customers and banks do. courier: its webhooks."""

    url: str
    key: str
    webhook_secret: str
    books: Books
    courier: Courier
    faults: Faults
    app: Flask

    @property
    def environ(self) -> dict[str, str]:
        """The settings of a service that is to use it."""
        return {
            "STRIPE_SECRET_KEY": self.key,
            "STRIPE_WEBHOOK_SECRET": self.webhook_secret,
            "STRIPE_API_BASE": self.url,
        }

    @property
    def api(self) -> Api:
        return self.app.extensions["api"]

    def subscribe(self, url: str, *, alone: bool = False) -> None:
        """alone: webhooks are posted without being told to."""
        self.courier.url = url
        if alone:
            self.courier.post_alone()

    def session(self, number: int = 0) -> str:
        """The id of a checkout; 0 is the newest."""
        return self.books.all("checkout.session")[number]["id"]

    def empty(self) -> None:
        """As new: nothing happened yet, and nothing goes wrong."""
        self.books.ahead, self.books.late_fees, self.books.slow_refunds = 0.0, False, False
        self.courier.behave()
        for objects in self.books.objects.values():
            objects.clear()
        self.courier.waiting.clear()
        self.courier.dropped.clear()
        self.courier.answers.clear()
        self.faults.clear()
        self.api.requests.clear()
        self.api.stored.clear()


class InProcess(stripe.HTTPClient):
    """Carries the library's requests to the stand-in without a socket."""

    name = "in-process"

    def __init__(self, app: Flask):
        super().__init__()
        self._client = app.test_client()

    def request(self, method, url, headers, post_data=None):
        answer = self._client.open(url, method=method.upper(), headers=headers, data=post_data)
        return answer.data, answer.status_code, answer.headers

    def close(self) -> None:
        """Nothing is open."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: object) -> None:
        """Requests are kept in `Api.requests`."""


def made(url: str = "http://stripe.test") -> StandIn:
    """One without a port; reach it by `InProcess(stand_in.app)`."""
    courier, books, faults = Courier(WEBHOOK_SECRET), Books(), Faults()
    books.tell, books.url = courier.take, url
    app = server.create(books, KEY, faults)
    return StandIn(url, KEY, WEBHOOK_SECRET, books, courier, faults, app)


@contextmanager
def running() -> Iterator[StandIn]:
    stand_in = made()
    web = make_server("127.0.0.1", 0, stand_in.app, threaded=True, request_handler=_Quiet)
    stand_in.url = stand_in.books.url = f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.courier.close()
        web.shutdown()
        web.server_close()
        thread.join(5)
