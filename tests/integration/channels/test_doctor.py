"""What the doctor says about mail and texts, the test messages it sends, and mail piped to us."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from bridge.integrations.mail import doctor as mail_doctor
from bridge.integrations.twilio import doctor as twilio_doctor
from bridge.settings import MailSettings, TwilioSettings
from tests.integration.bookings.conftest import ENVIRON
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import (
    ACCOUNT,
    MESSAGES,
    PHONE,
    PUBLIC,
    SENDER,
    TOKEN,
    asked,
    taken,
)
from tests.post import PostOffice
from tests.reports import report
from tests.standins import imap

ROOT = Path(__file__).parents[3]
SHOP, TO = "Quay Phones", "owner@example.org"


@pytest.fixture
def post(_post: PostOffice) -> PostOffice:
    _post.empty()
    return _post


@pytest.fixture
def twilio() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


def told(url: str, bounce_url: str | None = None) -> MailSettings:
    return MailSettings(
        mail_from=f"{SHOP} <desk@quay.example>", smtp_url=url, bounce_url=bounce_url
    )


def test_answers_that_nobody_reads():
    told_to = dataclasses.replace(told("smtp://127.0.0.1:9"), reply_to="help@quay.example")
    states = [mail_doctor.check_answers(one).state for one in (None, told("smtp://x"), told_to)]
    assert states == ["off", "warn", "ok"]
    assert "MAIL_REPLY_TO" in mail_doctor.check_answers(told("smtp://x")).todo


def texting(sender: str | None = SENDER) -> TwilioSettings:
    return TwilioSettings(ACCOUNT, sender, None, "http://twilio.test", (TOKEN,))


def test_a_test_mail(post: PostOffice):
    check = mail_doctor.send_test(told(post.url), SHOP, TO)
    (mail,) = post.mails
    assert (check.state, post.recipients) == ("ok", [TO])
    assert mail["Subject"] == "Test from Quay Phones" and mail["Message-ID"] in check.detail
    assert "accepted is not delivered" in check.todo and TO not in check.detail


@pytest.mark.parametrize(
    ("answer", "detail"),
    [("550 5.1.1 no such user owner@example.org", "550 5.1.1"), ("451 4.7.1 later", "451 4.7.1")],
)
def test_a_mail_server_that_refuses(post: PostOffice, answer: str, detail: str):
    post.at_rcpt = answer
    check = mail_doctor.send_test(told(post.url), SHOP, TO)
    assert check.state == "fail" and detail in check.detail and check.todo
    assert TO not in check.detail


@pytest.mark.parametrize(
    "to",
    ["", "nobody", "x" * 10_000 + "@example.org", "a@b\r\nBcc: all@example.org", "\0@example.org",
     "<script>@example.org", "{{x}}@exa mple.org", "\u202e@example.org", "a@\N{WRENCH}..org"],
)  # fmt: skip
def test_hostile_addresses_are_refused_before_anything_is_sent(post: PostOffice, to: str):
    check = mail_doctor.send_test(told(post.url), SHOP, to)
    assert (check.state, check.detail) == ("fail", "not an e-mail address")
    assert "you@shop.example" in check.todo and post.recipients == []


def test_no_mail_server():
    assert mail_doctor.send_test(None, SHOP, TO).state == "fail"
    check = mail_doctor.send_test(told("smtp://u:hidden@127.0.0.1:9"), SHOP, TO)
    assert check.state == "fail" and "hidden" not in f"{check}"


def test_the_mailbox_of_bounces(post: PostOffice):
    assert mail_doctor.check_bounces(None).state == "off"
    off = mail_doctor.check_bounces(told(post.url))
    assert off.state == "off" and "app.py bounce" in off.todo
    with imap.opened() as room:
        room.put(b"hello")
        assert mail_doctor.check_bounces(told(post.url, room.url)).state == "ok"
        assert room.seen == set()
        wrong = mail_doctor.check_bounces(told(post.url, room.url.replace("cret", "hidden")))
    gone = mail_doctor.check_bounces(told(post.url, room.url))
    for check in (wrong, gone):
        assert (
            check.state == "fail" and "BOUNCE_IMAP_URL" in check.todo and "hidden" not in f"{check}"
        )


def test_a_test_text(twilio: Any):
    taken(twilio, "SM77")
    check = twilio_doctor.send_test(texting(), PUBLIC, SHOP, PHONE)
    (form,) = asked(twilio)
    assert (form["To"], form["From"], form["Body"]) == (
        PHONE, SENDER, "Test from Quay Phones: text messages arrive here."
    )  # fmt: skip
    assert check.state == "ok"
    assert check.detail == "accepted by Twilio as SM77; 1 segment(s), about $0.06"


@pytest.mark.parametrize(
    ("answer", "todo"),
    [
        ({"status": 401, "json": {"code": 20003}}, "TWILIO_AUTH_TOKEN"),
        ({"status": 400, "json": {"code": 21614}}, "errors/21614"),
        ({"status": 429, "json": {"code": 20429}}, "try again"),
        ({"status": 500, "json": {}}, "Look whether it arrived"),
    ],
)
def test_a_twilio_that_refuses(twilio: Any, answer: dict[str, Any], todo: str):
    twilio.post(MESSAGES, **answer)
    check = twilio_doctor.send_test(texting(), PUBLIC, SHOP, PHONE)
    assert check.state == "fail" and todo in check.todo and TOKEN not in f"{check}"


def test_no_text_without_a_sender_or_a_number(twilio: Any):
    assert twilio_doctor.send_test(None, PUBLIC, SHOP, PHONE).state == "fail"
    assert twilio_doctor.send_test(texting(None), PUBLIC, SHOP, PHONE).state == "fail"
    for number in ("", "07700 900123", "+" + "1" * 16, "+44\0", "x" * 10_000):
        assert twilio_doctor.send_test(texting(), PUBLIC, SHOP, number).state == "fail"
    assert len(twilio.calls) == 0


def run(channels: Channels, db: str, state: Path, *verb: str, given: bytes = b"",
        **environ: str) -> subprocess.CompletedProcess:  # fmt: skip
    env = {
        "DATABASE_URL": db, "STATE_DIR": str(state), "SECRET_KEY": ENVIRON["SECRET_KEY"],
        "SMTP_URL": channels.post.url, "MAIL_FROM": "desk@quay.example", "PATH": os.environ["PATH"],
    } | environ  # fmt: skip
    command = [sys.executable, "app.py", *verb]
    return subprocess.run(
        command, cwd=ROOT, env=env, input=given, capture_output=True, timeout=60, check=False
    )


def test_sending_is_only_done_when_asked(channels: Channels, db: str, tmp_path: Path):
    run(channels, db, tmp_path, "doctor", "--json")
    assert channels.post.mails == []
    done = run(channels, db, tmp_path, "doctor", "--json", "--mail-to", TO, "--text-to", PHONE)
    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert found["mail.test"]["state"] == "ok" and len(channels.post.mails) == 1
    assert found["sms.test"]["state"] == "fail" and "TWILIO_FROM" in found["sms.test"]["todo"]
    assert done.returncode == 1
    assert b"alembic" not in done.stderr


def test_a_mail_server_pipes_what_comes_back(channels: Channels, db: str, tmp_path: Path):
    channels.repair(channels.customer(email="ilse@example.org"))
    channels.settle()
    raw = report(channels.post.mails[0]["Message-ID"], "ilse@example.org")
    for kept in (True, False):
        done = run(channels, db, tmp_path, "bounce", "--json", given=raw)
        assert (done.returncode, json.loads(done.stdout)) == (0, {"kept": kept}), done.stderr
    due = [row[0] for row in channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")]
    channels.shop.parts.rows().work(due, [])
    assert channels.log("state") == [("failed",)]
    junk = run(channels, db, tmp_path, "bounce", given=b"\0\xff" * 1_000)
    assert (junk.returncode, junk.stdout) == (0, b"nothing new of ours\n")


def test_what_cannot_be_kept_now_is_kept_by_the_mail_server(channels: Channels, tmp_path: Path):
    raw = report("<0123456789abcdef0123456789abcdef@quay.example>", "ilse@example.org")
    away = "postgresql://nobody@127.0.0.1:9/none"
    done = run(channels, away, tmp_path, "bounce", given=raw)
    assert done.returncode == os.EX_TEMPFAIL
