"""Reports of undeliverable mail: what is read out of them, and what is none."""

from __future__ import annotations

import random
import time

import pytest

from bridge.integrations.mail.bounces import MOST, MOST_READ, Failure, read
from bridge.integrations.mail.statuses import fault_of_address
from tests.reports import BLOCK, report

OURS, TO = "<0123456789abcdef@quay.example>", "ilse@example.org"
# A gateway that names only the final recipient, with comments and other casing, and folds its lines.
EXCHANGE = BLOCK.partition("Original")[0].format(to="ILSE@Example.org") + (
    "Action: Failed\nStatus: 5.1.10 (not found,\n very sorry)\nRemote-MTA: dns;mx.example.org\n"
    "X-Display-Name: Ilse Brandt\n"
)


@pytest.mark.parametrize("kind", ["full", "headers", "names"])
def test_the_shapes_mail_servers_use(kind: str):
    found = read(report(OURS, TO, kind=kind))
    assert found is not None
    assert (found.message_ids, found.failures) == ((OURS,), (Failure(TO, "5.1.1"),))


def test_a_gateway_with_its_own_style():
    found = read(report(OURS, TO, blocks=EXCHANGE, kind="headers"))
    assert found is not None and found.failures == (Failure(TO, "5.1.10"),)


def test_headers_named_as_a_message():
    raw = report(OURS, TO, kind="headers").replace(
        b"text/rfc822-headers", b"message/rfc822-headers"
    )
    found = read(raw)
    assert found is not None and found.message_ids == (OURS,)


def test_several_recipients_and_only_those_that_failed():
    told = (("a@example.org", "failed", "5.1.1"), ("b@example.org", "delayed", "4.4.1"),
            ("c@example.org", "failed", "5.2.2"), ("d@example.org", "relayed", "2.0.0"))  # fmt: skip
    blocks = "\n".join(
        BLOCK.format(to=to, action=action, status=status) for to, action, status in told
    )
    found = read(report(OURS, TO, blocks=blocks))
    assert found is not None
    assert found.failures == (Failure("a@example.org", "5.1.1"), Failure("c@example.org", "5.2.2"))


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded", ""])
def test_what_has_not_failed_is_no_bounce(action: str):
    assert read(report(OURS, TO, action=action, status="5.1.1")) is None


ANSWER = f"""\
From: {TO}
Subject: Out of office
Auto-Submitted: auto-replied
In-Reply-To: {OURS}
Content-Type: text/plain

Action: failed
Final-Recipient: rfc822; {TO}
Status: 5.1.1
"""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 1000,
        ANSWER.encode(),
        b"Content-Type: multipart/report; boundary=x\r\n\r\nno parts at all",
        report(OURS, TO).replace(b"message/delivery-status", b"text/plain"),
        report("no name", TO),
        report(f"<{'x' * 10_000}@quay.example>", TO),
        report(OURS, "nobody"),
        report(OURS, "x" * 10_000 + "@example.org"),
        report(OURS, TO).replace(b"rfc822;", b"x400;"),
        report(OURS, TO, blocks=""),
        # Their own bounce, carried inside a mail that somebody forwarded.
        b"Subject: look\r\nContent-Type: message/rfc822\r\n\r\n" + report(OURS, TO),
    ],
    ids=range(12),
)
def test_what_is_none(raw: bytes):
    assert read(raw) is None


@pytest.mark.parametrize(
    "words", ["\N{SMILING FACE WITH OPEN MOUTH}", "\u202eevil", "<script>", "{{x}}", "\0"]
)
def test_hostile_values_stay_values(words: str):
    found = read(report(OURS, f"{words}@example.org"))
    for failure in found.failures if found else ():
        assert failure.recipient.isprintable()


@pytest.mark.parametrize("charset", [b"charset*=utf-8''x", b"charset=none", b"charset"])
def test_a_charset_that_is_none(charset: bytes):
    raw = report(OURS, TO, kind="headers")
    for kind in (b"text/plain", b"text/rfc822-headers", b"message/delivery-status"):
        broken = raw.replace(kind, kind + b"; " + charset)
        broken = broken.replace(b"It could", b"It \xff could").replace(
            b"Subject: We", b"Subject: \xff"
        )
        assert read(broken) == read(raw), kind


def test_a_status_that_is_none():
    for status in ("", "550", "5.1", "5.1.1.1", "9.9.9", "5.1.1111"):
        found = read(report(OURS, TO, status=status))
        assert found is not None and found.failures == (Failure(TO, ""),)


def test_a_report_before_a_very_long_mail_is_read():
    raw = report(OURS, TO, kind="full")
    found = read(raw.replace(b"Your phone", b"Your phone " * MOST_READ))
    assert found is not None and found.message_ids == (OURS,)


def test_many_recipients_are_cut():
    blocks = "\n".join(
        BLOCK.format(to=f"a{n}@example.org", action="failed", status="5.1.1") for n in range(500)
    )
    found = read(report(OURS, TO, blocks=blocks))
    assert found is not None and len(found.failures) == MOST


def _nested(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )


@pytest.mark.parametrize(
    "raw",
    [
        _nested(20_000),
        _nested(100) + b"x\n" * 2_000_000,
        b"Content-Type: message/rfc822\n\n" * 50_000,
        b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 1_000_000,
        b"Content-Type: message/delivery-status\n\n" + b"\n" * 2_000_000,
        b"Content-Type: multipart/report; boundary*=a\0b''xyz\n\n--xyz\n",
    ],
    ids=["deep", "many lines", "mail in mail", "many parts", "many blocks", "NUL"],
)
def test_bodies_made_to_hurt_cost_little(raw: bytes):
    started = time.process_time()
    assert read(raw) is None
    assert time.process_time() - started < 5


def test_broken_at_any_place_it_never_raises():
    dice = random.Random(5)
    shreds = (
        b"\0",
        b"\xff",
        b"*=",
        b";",
        b'"',
        b"=?utf-8?b?",
        b"\r",
        b"\n\n",
        b"--=_cut",
        b"%00''",
    )
    for _ in range(2_000):
        raw = bytearray(report(OURS, TO))
        for _ in range(dice.randint(1, 8)):
            place = dice.randrange(len(raw))
            raw[place : place + dice.randint(0, 9)] = dice.choice(shreds)
        read(bytes(raw))


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"])
def test_statuses_about_the_address(status: str):
    assert fault_of_address(status).endswith(f"({status})")


@pytest.mark.parametrize(
    "status",
    ["", "4.1.1", "2.1.5", "5.0.0", "5.1.7", "5.1.8", "5.2.0", "5.2.2", "5.3.4", "5.4.1", "5.6.1",
     "5.7.1", "5.7.13", "5.7.26"],
)  # fmt: skip
def test_statuses_about_anything_else(status: str):
    assert fault_of_address(status) is None
