"""Starts a stand-in Twilio on a free port.

with running() as twilio:
    service = ...(**twilio.environ)
    twilio.subscribe("http://127.0.0.1:1234")
    ... twilio.books.to("+447700900123") ...
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.standins.twilio import server
from tests.standins.twilio.courier import Courier
from tests.standins.twilio.server import Api, Books, Faults

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "standin-token-0123456789abcdef01"
SMS_FROM, WHATSAPP_FROM = "+447700900001", "+447700900002"
PUBLIC = "https://quay.example"


@dataclass
class StandIn:
    """books: what it took. courier: what it tells us."""

    url: str
    books: Books
    courier: Courier
    faults: Faults
    api: Api

    @property
    def environ(self) -> dict[str, str]:
        """The settings of a service that is to use it."""
        return {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SMS_FROM,
            "TWILIO_WHATSAPP_FROM": WHATSAPP_FROM,
            "TWILIO_API_BASE": self.url,
            "PUBLIC_URL": PUBLIC,
        }

    def subscribe(self, url: str, *, alone: bool = False) -> None:
        """url: where PUBLIC really is. alone: webhooks are posted without being told to."""
        self.courier.url = url
        if alone:
            self.courier.post_alone()


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: object) -> None:
        """Requests are kept in `Api.requests`."""


@contextmanager
def running() -> Iterator[StandIn]:
    books, faults = Books(ACCOUNT, (SMS_FROM, WHATSAPP_FROM)), Faults()
    courier = Courier(ACCOUNT, TOKEN, PUBLIC)
    books.tell = lambda message: courier.take(message, books.callbacks.get(message["sid"]))
    app = server.create(books, TOKEN, faults)
    web = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    url = f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield StandIn(url, books, courier, faults, app.extensions["api"])
    finally:
        courier.close()
        web.shutdown()
        web.server_close()
        thread.join(5)
