"""The sandbox's mail catcher: kept, listed newest first, bounded, forgotten with the customers."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient

from chatwoot.sandbox import mails
from chatwoot.sandbox.app import create_sandbox


@pytest.fixture
def catcher() -> Iterator[tuple[int, FlaskClient]]:
    app = create_sandbox(None, public_url="http://127.0.0.1:8001")
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    controller = mails.open_catcher(app.extensions["sandbox"], port)
    yield port, app.test_client()
    controller.stop()


def _send(port: int, subject: str, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.test", "ilse@example.org"
    message["Subject"] = subject
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as line:
        line.send_message(message)


def _mails(client: FlaskClient) -> list[dict]:
    return client.get("/sandbox/api/mails").get_json()["mails"]


def test_mails_are_listed_newest_first(catcher):
    port, client = catcher
    _send(port, "Olá, código", "123456 é o código 🔧 <script>{{")
    _send(port, "Second", "x" * 10_000)
    newest, oldest = _mails(client)
    assert (newest["subject"], len(newest["text"])) == ("Second", 10_000)
    assert oldest["text"] == "123456 é o código 🔧 <script>{{"
    assert (oldest["subject"], oldest["to"]) == ("Olá, código", ["ilse@example.org"])


def test_a_flood_is_bounded(catcher, monkeypatch):
    port, client = catcher
    monkeypatch.setattr(mails, "MOST_KEPT", 3)
    for number in range(5):
        _send(port, f"Mail {number}", "text")
    assert [mail["subject"] for mail in _mails(client)] == ["Mail 4", "Mail 3", "Mail 2"]


def test_odd_bytes_are_no_crash(catcher):
    port, client = catcher
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as line:
        line.sendmail("a@example.test", ["b@example.org"], b"\x00\xff no header at all\r\n")
    (mail,) = _mails(client)
    assert mail["from"] == "a@example.test"


def test_a_reset_forgets_them(catcher):
    port, client = catcher
    _send(port, "Soon gone", "text")
    client.post("/sandbox/api/reset", json={})
    assert _mails(client) == []


def test_strangers_do_not_read_them(catcher):
    _, client = catcher
    answer = client.get("/sandbox/api/mails", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 403
