"""Receivers that answer badly: what counts is the status, in time; the rest of an answer does not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.integration.channels.conftest import Channels

Answer = Callable[[socket.socket], None]
SECONDS = 0.5  # as the fixture has it


@pytest.fixture
def environ() -> dict[str, str]:
    return {"WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"}


@contextmanager
def receiver(answer: Answer) -> Iterator[str]:
    """The address of one that hears a request and does `answer` on the bare line."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return  # the test is over
                with line:
                    try:
                        line.recv(65536)
                        answer(line)
                    except OSError:
                        pass  # the caller has left, which is what it should do

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
        door.shutdown(socket.SHUT_RDWR)


def says(*parts: bytes, every: float = 0.0) -> Answer:
    def answer(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)
            time.sleep(every)

    return answer


def told(channels: Channels, answer: Answer) -> tuple[str, str | None, float]:
    """State and reason of one event for such a receiver, and the seconds until it is due again."""
    with receiver(answer) as url:
        body = {"url": url, "kinds": ["*"]}
        made = channels.shop.call("POST", "/webhooks", "admin", json=body).json
        channels.shop.call("POST", f"/webhooks/{made['id']}/test", "admin")
        channels.settle()
    columns = "state, reason, extract(epoch from due_at - clock_timestamp())"
    state, reason, wait = channels.effects(columns)[-1]
    return state, reason, float(wait)


DRIPS = {
    "status line": ("pending", [b"HTTP/1.1 ", *[b"2"] * 40]),
    "promises": ("pending", [b"HTTP/1.1 100 Continue\r\n\r\n"] * 40),
    # Its status is there: it took the event.
    "headers": ("done", [b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 40]),
    "body": ("done", [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", *[b"x"] * 40]),
}


def test_a_drip_costs_no_more_than_the_time_of_a_call(channels: Channels, subtests):
    for name, (state, parts) in DRIPS.items():
        with subtests.test(name):
            started = time.monotonic()
            assert told(channels, says(*parts, every=0.1))[0] == state
            assert time.monotonic() - started < SECONDS + 1


BROKEN = (
    b"Content-Length: 900\r\n\r\n{",
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n9\r\n{",
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Encoding: br, gzip\r\n\r\n" + b"\0" * 100_000,
)


def test_what_was_taken_is_not_sent_again_for_the_sake_of_its_body(channels: Channels, subtests):
    for rest in BROKEN:
        with subtests.test(rest[:60]):
            assert told(channels, says(b"HTTP/1.1 200 OK\r\n" + rest))[:2] == ("done", None)


def test_a_wait_that_is_asked_for_is_kept(channels: Channels, subtests):
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True).encode()
    for status, asked, least, most in (
        (b"429", b"600", 590, 600),
        (b"503", b"600", 590, 600),
        (b"503", b"999999", 86_390, 86_400),
        (b"429", in_an_hour, 3_580, 3_600),
        (b"429", b"1", 20, 36),  # the ladder's own first rung is longer
        (b"503", b"soon", 20, 36),
        (b"503", b"-5", 20, 36),
    ):
        with subtests.test(asked):
            answer = b"HTTP/1.1 %b No\r\nRetry-After: %b\r\nContent-Length: 0\r\n\r\n"
            state, reason, wait = told(channels, says(answer % (status, asked)))
            assert state == "pending"
            assert reason == f"temporary: the receiver answered {status.decode()}"
            assert least <= wait <= most
