"""E-mail: who gets what, and what the mail server's answers lead to."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crm.notifications import channels as notification_channels
from jobs import leases
from tests.integration.bookings.conftest import ENVIRON, opened
from tests.integration.channels.conftest import Channels
from tests.post import PostOffice

ROOT = Path(__file__).parents[3]

CODE = "verification_code"


def test_a_guest_gets_the_code_and_then_the_booking(channels: Channels, caplog):
    caplog.set_level(logging.DEBUG)
    made = channels.shop.book(None)
    code = channels.shop.code()
    assert code not in str(channels.effects("body, context, effect_key"))
    channels.settle()
    (mail,) = channels.post.mails
    assert (mail["To"], mail["From"]) == ("ilse@example.org", "Quay Phones <desk@quay.example>")
    assert mail["Subject"] == "Your code for Quay Phones"
    assert channels.post.text().startswith(code)
    assert code not in "".join(r.getMessage() for r in caplog.records if r.name != "mail.log")
    assert (CODE, "mail", "sent") in channels.log()
    assert code not in str(
        channels.shop.rows("SELECT outbox, notifications FROM outbox, notifications")
    )

    firm = channels.shop.call("POST", f"/bookings/{made['token']}/confirm", json={"code": code})
    assert firm.json["status"] == "confirmed"
    channels.settle()
    assert (
        channels.post.mails[-1]["Subject"]
        == f"Confirmed: your booking {made['ref']} at Quay Phones"
    )
    assert made["ref"] in channels.post.text()
    waiting = [row for row in channels.log() if row[0] == "booking_reminder"]
    assert waiting == [("booking_reminder", "mail", "queued")] * 2


def test_an_address_that_was_only_typed_gets_its_code_and_nothing_else(channels: Channels):
    made = channels.shop.book(None)
    channels.shop.call("POST", f"/bookings/{made['token']}/cancel", json={})
    channels.settle()
    assert [mail["Subject"] for mail in channels.post.mails] == ["Your code for Quay Phones"]
    states = {template: state for template, _, state in channels.log()}
    assert states["booking_received"] in ("no_channel", "cancelled")


def test_staff_vouch_for_an_address(channels: Channels):
    channels.shop.confirmed()
    channels.settle()
    assert [m["Subject"].split()[0] for m in channels.post.mails] == ["Confirmed:"]


@pytest.mark.parametrize(("proven", "sent"), [(True, 1), (False, 0)])
def test_repair_news_go_to_proven_addresses_only(channels: Channels, proven: bool, sent: int):
    customer = channels.customer(email="ilse@example.org", proven=proven)
    ref = channels.repair(customer)
    channels.settle()
    assert [m["Subject"] for m in channels.post.mails] == [
        f"We have your device: repair {ref}"
    ] * sent


def test_a_code_that_comes_too_late_is_not_sent(channels: Channels):
    channels.shop.book(None)
    channels.write("UPDATE outbox SET deadline_at = clock_timestamp() - interval '1 second'")
    channels.settle()
    assert channels.post.mails == []
    assert (CODE, "cancelled", None) in channels.log("template, state, sealed_body")


@pytest.mark.parametrize("step", ["at_mail", "at_rcpt", "at_data"])
def test_a_temporary_refusal_is_tried_again(channels: Channels, step: str):
    setattr(channels.post, step, "451 4.7.1 come back later, ilse@example.org")
    channels.repair(channels.customer(email="ilse@example.org"))
    channels.settle()
    assert channels.effects() == [
        ("mail.message", "pending", "temporary: the mail server answered 451 4.7.1")
    ]
    channels.post.behave()
    channels.settle(2)
    assert len(channels.post.mails) == 1
    assert channels.log() == [("repair_received", "mail", "sent")]


@pytest.mark.parametrize("step", ["at_rcpt", "at_data"])
def test_a_refusal_for_good_ends_it(channels: Channels, step: str):
    setattr(channels.post, step, "550 5.1.1 no such user ilse@example.org")
    channels.repair(channels.customer(email="ilse@example.org"))
    channels.settle()
    reason = "permanent: the mail server answered 550 5.1.1"
    assert channels.effects() == [("mail.message", "dead", reason)]
    assert channels.log("state, reason, refusals") == [("failed", reason, {"mail": reason})]


@pytest.mark.parametrize("fault", [{"hang_seconds": 5.0}, {"drops": True}])
def test_a_line_lost_after_the_message_costs_a_copy_of_the_same_name(
    channels: Channels, fault: dict
):
    for name, value in fault.items():
        setattr(channels.post, name, value)
    channels.repair(channels.customer(email="ilse@example.org"))
    channels.settle()
    ((_, state, reason),) = channels.effects()
    assert state == "unsure" and reason.startswith("uncertain: the line to the mail server broke")
    channels.post.behave()
    channels.settle(3)
    assert len({mail["Message-ID"] for mail in channels.post.mails}) == 1
    assert len(channels.post.mails) == 2
    assert channels.log() == [("repair_received", "mail", "sent")]


WORKER = """
import os, sys
import app

settings = app.load_settings()
parts = app.compose(settings, settings.database_url, None)
print("ready", flush=True)
sys.stdin.readline()
parts.rows().work([], [int(sys.argv[1])])
"""


def test_killed_after_the_server_took_it_costs_a_copy_of_the_same_name(
    channels: Channels, db: str, tmp_path: Path
):
    channels.repair(channels.customer(email="ilse@example.org"))
    ((row_id,),) = channels.effects("id")
    env = {
        "DATABASE_URL": db, "STATE_DIR": str(tmp_path), "SECRET_KEY": ENVIRON["SECRET_KEY"],
        "SMTP_URL": channels.post.url, "MAIL_FROM": "desk@quay.example", "LEASE_SECONDS": "1",
        "PATH": os.environ["PATH"],
    }  # fmt: skip
    command = [sys.executable, "-c", WORKER, str(row_id)]
    with subprocess.Popen(command, cwd=ROOT, env=env, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:  # fmt: skip
        assert worker.stdout.readline() == "ready\n"
        channels.post.victim = worker.pid
        worker.stdin.write("go\n")
        worker.stdin.flush()
        assert worker.wait(20) == -signal.SIGKILL
    channels.post.behave()
    assert channels.effects("state") == [("sending",)]
    channels.write("UPDATE outbox SET lease_until = clock_timestamp()")
    assert leases.expire(channels.shop.parts.units, 0) == (0, 1)
    channels.settle(2)
    assert len(channels.post.mails) == 2
    assert len({mail["Message-ID"] for mail in channels.post.mails}) == 1
    assert channels.log() == [("repair_received", "mail", "sent")]


def test_a_code_nobody_could_send_is_forgotten(db: str, tmp_path: Path, _post: PostOffice):
    for shop in opened(db, tmp_path):
        channels = Channels(shop, _post)
        shop.book(None)
        query = "template, state, sealed_body IS NULL"
        assert (CODE, "no_channel", False) in channels.log(query)
        channels.write("UPDATE notifications SET deadline_at = clock_timestamp() - interval '1 s'")
        with shop.parts.units() as uow:
            notification_channels.forget(uow)
        assert (CODE, "cancelled", True) in channels.log(query)


def test_nobody_listens(db, tmp_path, _post):
    for shop in opened(db, tmp_path, SMTP_URL="smtp://127.0.0.1:9", MAIL_FROM="a@quay.example"):
        channels = Channels(shop, _post)
        channels.repair(channels.customer(email="ilse@example.org"))
        channels.settle()
        ((_, state, reason),) = channels.effects()
        assert (state, reason[:10]) == ("pending", "temporary:")
