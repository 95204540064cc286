"""What each failure of Chatwoot's means: surely nothing happened, maybe it did, or never will."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import responses

from chatwoot import faults
from chatwoot.client import Client
from chatwoot.faults import Gone, Rejected
from chatwoot.http import MAX_ANSWER_BYTES
from crm.core.errors import Denied, Permanent, Temporary, Uncertain

BASE = "http://chat.example.test"
TOKEN = "user-token-0123456789"
WORDS = "Dear Sara, call +351912345678"


def read(client):
    return client.conversation(17)


def write(client):
    return client.set_labels(42, [WORDS])


@contextmanager
def peer(behave):
    """A local server that does `behave(connection)` with its first connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            behave(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


def cut(connection):
    connection.recv(65536)


def hang(connection):
    connection.recv(65536)
    connection.settimeout(5)
    connection.recv(65536)


def half(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")


def half_chunked(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n9\r\n{")


def not_gzip(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")


def garbage(connection):
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")


def drip(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    for _ in range(20):
        try:
            connection.sendall(b" ")
        except OSError:
            return
        threading.Event().wait(0.1)


@pytest.mark.parametrize("behave", [cut, hang, half, half_chunked, not_gzip, garbage, drip])
@pytest.mark.parametrize(("act", "fault"), [(read, Temporary), (write, Uncertain)])
def test_a_line_that_breaks_after_sending(behave, act, fault):
    with peer(behave) as url:
        started = time.monotonic()
        with pytest.raises(fault) as caught:
            act(Client(url, 7, TOKEN, timeout=(0.5, 0.4)))
        assert time.monotonic() - started < 1
    assert TOKEN not in caught.value.detail and "127.0.0.1" not in caught.value.detail


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize("url", ["refused", "http://no-such-host.invalid"])
def test_no_connection_means_nothing_was_sent(url, act):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Temporary) as caught:
        act(Client(refused if url == "refused" else url, 7, TOKEN, timeout=(0.5, 0.5)))
    assert caught.value.after is None and caught.value.costs_attempt


def answered(act, **answer):
    with responses.RequestsMock() as line:
        line.add(
            "GET" if act is read else "POST",
            f"{BASE}/api/v1/accounts/7/" + ("conversations/17" if act is read else
                                            "conversations/42/labels"),
            **answer,
        )  # fmt: skip
        return act(Client(BASE, 7, TOKEN))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_is_temporary_for_reads_and_uncertain_for_writes(status):
    with pytest.raises(Temporary):
        answered(read, status=status, json={"status": status})
    with pytest.raises(Uncertain):
        answered(write, status=status, json={"status": status})


@pytest.mark.parametrize("body", ["<html>proxy</html>", "{", '"text"', "[]", "null", "", "{}"])
def test_a_2xx_that_cannot_be_read_is_in_doubt(body):
    with pytest.raises(Temporary):
        answered(read, status=200, body=body)
    with pytest.raises(Uncertain):
        answered(write, status=200, body=body)


def test_an_endless_answer_is_cut():
    body = b" " * (MAX_ANSWER_BYTES + 1)
    with pytest.raises(Permanent):
        answered(read, status=200, body=body)
    with pytest.raises(Uncertain):
        answered(write, status=200, body=body)


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize("status", [408, 425, 429])
def test_come_back_later(act, status):
    with pytest.raises(Temporary) as caught:
        answered(act, status=status, body="Retry later\n")
    assert type(caught.value) is Temporary and caught.value.after is None


@pytest.mark.parametrize(
    ("value", "after"),
    [("7", 7), ("0", 0), ("999999", 86400), ("soon", None), ("", None), ("-5", None)],
)
def test_retry_after_is_obeyed_up_to_a_day(value, after):
    with pytest.raises(Temporary) as caught:
        answered(write, status=429, body="Retry later\n", headers={"Retry-After": value})
    assert caught.value.after == after


def test_retry_after_may_be_a_date():
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    header = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert faults.retry_after(header, now) == 90
    assert faults.retry_after(header, now + timedelta(hours=1)) == 0


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize("status", [401, 403])
def test_credentials_pause_the_destination(act, status):
    with pytest.raises(Denied) as caught:
        answered(act, status=status, json={"error": "Invalid Access Token"})
    assert not caught.value.costs_attempt


def test_404_is_gone():
    with pytest.raises(Gone) as caught:
        answered(read, status=404, json={"error": "Resource could not be found"})
    assert caught.value.status_code == 404


@pytest.mark.parametrize("status", [400, 402, 409, 413, 422])
def test_other_4xx_are_refusals_with_their_reason(status):
    body = {"message": "Email has already been taken", "attributes": ["email"]}
    with pytest.raises(Rejected) as caught:
        answered(write, status=status, json=body)
    assert caught.value.attributes == ("email",)
    assert "Email has already been taken" in caught.value.detail


def test_a_redirect_is_refused_and_not_followed():
    with pytest.raises(Rejected):
        answered(write, status=301, headers={"Location": f"{BASE}/elsewhere"})


@pytest.mark.parametrize("words", [f"'{WORDS}' is too long", WORDS, "sara@example.test is taken"])
def test_error_texts_name_no_person(words, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Rejected) as caught:
        answered(write, status=422, json={"error": words})
    told = caught.value.detail + caplog.text
    assert "351912345678" not in told and "sara@" not in told and TOKEN not in told


@pytest.mark.parametrize(("url", "token"), [("chat.example.test", TOKEN), (BASE, "two\nlines")])
def test_a_request_that_cannot_be_made_is_permanent(url, token):
    with pytest.raises(Permanent):
        write(Client(url, 7, token))
