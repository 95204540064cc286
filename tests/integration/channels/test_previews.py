"""Previews tell what would happen and leave no trace; one message is taken back or sent once more."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from crm.core import events
from crm.notifications.rules import Frequency, Wishes
from tests.conftest import libpq
from tests.integration.channels.conftest import Channels
from tests.integration.channels.test_decisions import _wish

ADDRESS = "ilse@example.org"


@pytest.fixture
def environ() -> dict[str, str]:
    return {"HOLD_SECONDS": "120"}


@pytest.fixture
def repair(channels: Channels) -> str:
    """Of a customer with a proven address; nothing is on its way."""
    ref = channels.repair(channels.customer(email=ADDRESS))
    channels.write("UPDATE outbox SET due_at = clock_timestamp()")
    channels.settle()
    return ref


def _preview(channels: Channels, role: str = "desk", **body: Any) -> Any:
    return channels.shop.call("POST", "/messages/preview", role, json=body)


def _post(channels: Channels, number: int, act: str, **body: Any) -> Any:
    return channels.shop.call("POST", f"/notifications/{number}/{act}", "desk", json=body or None)


def _everything(channels: Channels) -> dict[str, str]:
    """A digest of every table."""
    tables = channels.shop.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    # Using a key is noted.
    return {
        name: channels.shop.rows(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                                 f" FROM {name} t")[0][0]
        for (name,) in tables if name != "api_keys"
    }  # fmt: skip


def test_a_status_shows_its_message_and_nothing_stays(channels: Channels, repair: str, db: str):
    before = _everything(channels)
    with psycopg.connect(libpq(db), autocommit=True) as listener:
        listener.execute(f"LISTEN {events.CHANNEL}")
        answer = _preview(channels, repair=repair, status="ready_pickup", note="Ring twice")
        assert list(listener.notifies(timeout=0.2)) == []
    assert answer.status_code == 200, answer.text
    (told,) = [one for one in answer.json["data"] if one["template"] == "repair_ready_pickup"]
    assert (told["channel"], told["state"]) == ("mail", "queued")
    assert told["reason"] == "proven email" and told["address"] == "i***@example.org"
    assert "Ring twice" in told["body"] and told["subject"] and told["send_at"]
    assert told["locale"] == "en" and told["refusals"] == {}
    assert _everything(channels) == before
    channels.settle()
    assert len(channels.post.mails) == 1


def test_the_reason_why_it_would_not_be_sent(channels: Channels, repair: str):
    ref = channels.shop.call("GET", f"/repairs/{repair}", "desk").json["customer"]
    _wish(channels, ref, Wishes(frequency=Frequency.ESSENTIAL))
    (told,) = _preview(channels, repair=repair, status="diagnosing").json["data"]
    assert told["state"] == "skipped" and told["channel"] is None
    assert told["reason"].startswith("the customer wants essential messages only")


def test_what_the_act_refuses_the_preview_refuses(channels: Channels, repair: str):
    move = {"status": "ready_pickup"}
    assert (
        channels.shop.call("POST", f"/repairs/{repair}/updates", "desk", json=move).status_code
        == 201
    )
    back = {"status": "received"}
    real = channels.shop.call("POST", f"/repairs/{repair}/updates", "desk", json=back)
    shown = _preview(channels, repair=repair, **back)
    assert (shown.status_code, shown.json["code"]) == (real.status_code, real.json["code"])
    assert shown.status_code == 409
    assert _preview(channels, repair="RPR-NONE", status="testing").status_code == 404


def test_a_late_date_a_booking_and_words_of_staff(channels: Channels, repair: str):
    late = _preview(channels, repair=repair, delay={"reason": "part_late", "note": "Sorry!"})
    assert late.status_code == 200, late.text
    assert [one["template"] for one in late.json["data"]] == ["repair_delayed"]
    made = channels.shop.book()
    told = _preview(channels, booking=made["ref"], do="confirm").json["data"]
    assert [one["template"] for one in told] == ["booking_confirmed"] + ["booking_reminder"] * 2
    assert told[0]["send_at"] < told[1]["send_at"] < told[2]["send_at"]
    moved = _preview(channels, booking=made["ref"], do="reschedule", starts_at=channels.shop.at(12))
    assert moved.status_code == 200 and moved.json["data"] == []
    assert _preview(channels, booking=made["ref"], do="reschedule").status_code == 422
    assert _preview(channels, booking=made["ref"], do="no-show").status_code == 409
    assert channels.shop.call("GET", f"/bookings/{made['ref']}", "desk").json["status"] == "pending"
    ref = channels.shop.call("GET", f"/repairs/{repair}", "desk").json["customer"]
    (own,) = _preview(channels, customer=ref, words="We found your <b>SIM</b> tray").json["data"]
    assert "<b>SIM</b>" in own["body"] and own["template"] == "follow_up"
    assert (
        _everything(channels) and channels.shop.rows("SELECT count(*) FROM follow_ups")[0][0] == 0
    )


def test_what_is_no_single_act_is_refused(channels: Channels):
    for body in (
        {}, {"repair": "RPR-1"}, {"repair": "RPR-1", "status": "melted"}, {"status": "testing"},
        {"repair": "RPR-1", "status": "testing", "booking": "BKG-1"},
        {"customer": "CUS-1", "words": "a" * 2001}, {"customer": "CUS-1", "words": "a\x00b"},
        {"customer": "CUS-1", "words": ""}, {"booking": "BKG-1", "do": "burn"},
        {"repair": "RPR-1", "delay": {"reason": "aliens"}},
        {"customer": "CUS-1", "words": "Hi", "note": "too much"},
    ):  # fmt: skip
        assert _preview(channels, **body).status_code == 422, body


def test_only_who_may_act_may_rehearse_it(channels: Channels, repair: str):
    assert channels.shop.call("POST", "/messages/preview", json={}).status_code == 401
    assert _preview(channels, "viewer", repair=repair, status="testing").status_code == 403
    assert _preview(channels, "technician", customer="CUS-1", words="Hi").status_code == 403
    assert _preview(channels, "shop", repair=repair, status="testing").status_code == 403


def test_hostile_words_stay_words(channels: Channels, repair: str):
    ref = channels.shop.call("GET", f"/repairs/{repair}", "desk").json["customer"]
    for words in ("{{ 7 * 7 }}", "{% raw %}", "😀" * 900, "\u202egnp.exe", "<script>"):
        (told,) = _preview(channels, customer=ref, words=words).json["data"]
        assert words.strip("\u202e") in told["body"]


def test_within_the_hold_it_is_taken_back(channels: Channels, repair: str):
    move = {"status": "ready_pickup"}
    channels.shop.call("POST", f"/repairs/{repair}/updates", "desk", json=move)
    number = channels.log("id")[-1][0]
    first = _post(channels, number, "cancel")
    assert first.status_code == 200 and first.json["state"] == "cancelled"
    assert first.json["reason"].startswith("taken back by ")
    assert _post(channels, number, "cancel").status_code == 200
    channels.write("UPDATE outbox SET due_at = clock_timestamp()")
    channels.settle()
    assert len(channels.post.mails) == 1
    late = _post(channels, channels.log("id")[0][0], "cancel")
    assert late.status_code == 409 and late.json["code"] == "message-left"
    assert _post(channels, 10**9, "cancel").status_code == 404

    anew = _post(channels, number, "resend")
    assert anew.status_code == 201 and anew.json["state"] == "queued", anew.text
    channels.settle()
    assert len(channels.post.mails) == 2
    acts = [row[0] for row in channels.shop.rows("SELECT action FROM audit ORDER BY id")]
    assert acts[-2:] == ["notification.cancel", "notification.resend"]


def test_one_that_failed_is_sent_again_once(channels: Channels, repair: str):
    number = channels.log("id")[0][0]
    channels.write("UPDATE notifications SET state = 'failed', reason = 'unsure: line broke'")
    channels.write("UPDATE outbox SET state = 'dead', reason = 'unsure: line broke'")
    first = _post(channels, number, "resend")
    assert first.status_code == 201 and first.json["id"] > number
    # Nobody replays the dead one on top of it.
    assert channels.effects("state")[0] == ("cancelled",)
    twice = _post(channels, number, "resend")
    assert twice.status_code == 409 and twice.json["code"] == "message-waits"
    channels.settle()
    assert len(channels.post.mails) == 2
    assert _post(channels, number, "resend").json["code"] == "message-sent"
    assert _post(channels, number, "resend", again=True).status_code == 201
    channels.settle()
    assert len(channels.post.mails) == 3
    keys = [row[0] for row in channels.log("event_key")]
    assert keys[1:] == [f"{keys[0]}:again:1", f"{keys[0]}:again:2"]
    assert channels.log("body")[0] == channels.log("body")[2]


def test_a_skipped_one_is_decided_on_anew(channels: Channels):
    customer = channels.customer(email=ADDRESS)
    _wish(channels, customer, Wishes(frequency=Frequency.NONE))
    channels.repair(customer)
    number = channels.log("id")[0][0]
    assert _post(channels, number, "resend").json["state"] == "skipped"
    _wish(channels, customer, Wishes())
    assert _post(channels, number, "resend").json["state"] == "queued"


def test_a_code_is_not_sent_again(channels: Channels):
    channels.shop.book(role=None)
    channels.settle()
    (number,) = [row[0] for row in channels.log("id, template") if row[1] == "verification_code"]
    answer = _post(channels, number, "resend", again=True)
    assert answer.status_code == 409 and answer.json["code"] == "secret-gone"


def test_what_would_come_too_late_is_not_sent(channels: Channels, repair: str):
    channels.write("UPDATE notifications SET state = 'failed', deadline_at = now() - interval '1s'")
    assert _post(channels, channels.log("id")[0][0], "resend").json["code"] == "too-late"
