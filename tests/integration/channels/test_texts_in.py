"""What people write to the shop's number: whose ticket it goes into, and who is left alone."""

from __future__ import annotations

import pytest
import responses

from crm.core.events import SYSTEM
from crm.privacy import erasing
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import ENVIRON, MESSAGES, PHONE, asked, taken, told, written


@pytest.fixture
def environ() -> dict[str, str]:
    return ENVIRON


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


def messages(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in channels.shop.rows(
        "SELECT t.ref, m.body, m.details FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id"
        " ORDER BY m.id")]  # fmt: skip


def state(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in
            channels.shop.rows("SELECT channel, state FROM text_numbers ORDER BY channel")]  # fmt: skip


def test_a_text_goes_into_the_ticket_of_the_only_open_repair(channels: Channels, twilio):
    taken(twilio)
    repair = channels.repair(channels.customer(phone=PHONE))
    assert written(channels, "Is it ready? 😀 <script>{{7*7}}", "SM7").status_code == 204
    assert written(channels, "Is it ready? 😀 <script>{{7*7}}", "SM7").status_code == 204, (
        "a repeat"
    )
    ((ticket, body, details),) = messages(channels)
    assert body == "Is it ready? 😀 <script>{{7*7}}"
    kept = {"via": "sms", "media": 0, "number": PHONE, "repair": repair, "meant_by": "only_one"}
    assert details == kept
    written(channels, "", "SM8", NumMedia="2")
    assert messages(channels)[1] == (ticket, "", kept | {"media": 2})
    listed = channels.shop.call("GET", f"/tickets/{ticket}/messages", "desk").json["data"]
    assert {one["author_kind"] for one in listed} == {"customer"}


def test_of_two_open_repairs_none_is_guessed(channels: Channels, twilio):
    taken(twilio)
    customer = channels.customer(phone=PHONE)
    channels.repair(customer)
    written(channels, "First", "SM1")
    channels.repair(customer)
    written(channels, "Which one?", "SM2")
    first, second = messages(channels)
    assert first[0] == second[0], "the newest ticket"
    assert "repair" not in second[2]


def test_a_stranger_becomes_a_customer_and_opens_a_ticket(channels: Channels, twilio):
    assert written(channels, "Do you mend pads?", "SM1").status_code == 204
    ((ref, body, _),) = messages(channels)
    found = channels.shop.call("GET", f"/customers?phone=%2B{PHONE[1:]}", "desk").json["data"]
    ticket = channels.shop.call("GET", f"/tickets/{ref}", "desk").json
    assert (len(found), ticket["subject"], ticket["source"]) == (1, body, "sms")
    channels.write("UPDATE tickets SET status = 'closed'")
    written(channels, "Hello again", "SM2")
    assert channels.shop.rows("SELECT status FROM tickets") == [("open",)]


def test_a_code_in_a_text_is_hidden(channels: Channels, twilio):
    taken(twilio)
    channels.repair(channels.customer(phone=PHONE))
    written(channels, "my passcode is 482913", "SM1")
    assert "482913" not in str(messages(channels))
    assert "482913" not in str(channels.shop.rows("SELECT subject FROM tickets"))
    assert channels.shop.rows("SELECT count(*) FROM passcodes") == [(1,)]


def test_stop_and_start(channels: Channels, twilio):
    taken(twilio)
    customer = channels.customer(phone=PHONE)
    assert written(channels, " Parar! ", "SM1").status_code == 204
    assert state(channels) == [("sms", "opted_out"), ("whatsapp", "opted_out")]
    ((_, body, details),) = messages(channels)
    assert body == "Parar!"
    assert details == {"via": "sms", "media": 0, "number": PHONE, "wish": "stop"}
    channels.repair(customer)
    channels.settle()
    assert len(twilio.calls) == 0
    assert channels.log("state, reason, refusals") == [
        ("no_channel", "sms: they said stop", {"sms": "they said stop"})
    ]
    written(channels, "YES", "SM2")
    assert state(channels) == [("sms", "ok"), ("whatsapp", "ok")]
    assert channels.log("channel, state") == [("sms", "sent")], "what found no way is brought"
    written(channels, "YES", "SM3")
    wishes = [(body, details.get("wish")) for _, body, details in messages(channels)]
    assert wishes == [("Parar!", "stop"), ("YES", "start"), ("YES", None)], (
        "the last answers something"
    )


@pytest.mark.parametrize("words", ["STOP", "Cancel", "END"])
def test_a_stop_makes_nobody_a_customer(channels: Channels, twilio, words: str):
    written(channels, words, "SM1")
    assert {one for _, one in state(channels)} == {"opted_out"}
    assert channels.shop.rows("SELECT 1 FROM customers") == messages(channels) == []
    written(channels, "", "SM2", OptOutType="START")
    assert {one for _, one in state(channels)} == {"ok"}


def test_what_is_held_is_not_sent_after_stop(channels: Channels, twilio):
    taken(twilio)
    channels.repair(channels.customer(phone=PHONE))
    channels.write("UPDATE outbox SET due_at = clock_timestamp() + interval '1 hour'")
    written(channels, "stop", "SM1")
    channels.settle(2)
    assert (len(asked(twilio)), channels.log("state, refusals")) == (
        0, [("no_channel", {"sms": "they said stop"})],
    )  # fmt: skip


def test_a_code_just_asked_for_is_sent_unless_twilio_refuses(channels: Channels, twilio):
    written(channels, "STOP", "SM0")
    taken(twilio)
    wish = {k: v for k, v in channels.shop.body(phone=PHONE).items() if k != "email"}
    channels.shop.call("POST", "/bookings", json=wish)
    channels.settle()
    assert channels.log()[0] == ("verification_code", "sms", "sent")
    assert len(twilio.calls) == 1, "that the booking was received is told to nobody who said stop"


def test_what_twilio_knows_of_a_stop_we_learn(channels: Channels, twilio):
    twilio.post(MESSAGES, status=400, json={"code": 21610, "message": f"{PHONE} said stop"})
    customer = channels.customer(phone=PHONE)
    for _ in range(2):
        channels.repair(customer)
        channels.settle(2)
    assert len(twilio.calls) == 1
    assert state(channels) == [("sms", "opted_out"), ("whatsapp", "opted_out")]
    assert PHONE not in str(channels.log("reason, refusals")), channels.log("reason, refusals")


@pytest.mark.parametrize("code", [21211, 21614, 21635])
def test_a_landline_is_asked_once(channels: Channels, twilio, code: int):
    twilio.post(MESSAGES, status=400, json={"code": code, "message": "not a mobile"})
    customer = channels.customer(phone=PHONE)
    for _ in range(2):
        channels.repair(customer)
        channels.settle(2)
    assert len(twilio.calls) == 1
    told_off = f"the number cannot be reached: Twilio: error {code}"
    assert channels.log("state, refusals")[1] == ("no_channel", {"sms": told_off})
    twilio.reset()  # two repairs are open, so that they are asked which one is meant
    taken(twilio)
    written(channels, "Good morning", "SM1")
    assert state(channels) == [("sms", "ok")]


def test_a_callback_marks_the_number_too(channels: Channels, twilio):
    taken(twilio)
    channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    callback = asked(twilio)[0]["StatusCallback"]
    for _ in range(2):
        told(channels, callback, "undelivered", ErrorCode="30006")
    assert state(channels) == [("sms", "undeliverable")]
    assert told(channels, callback, "delivered").status_code == 204
    assert channels.log("state") == [("delivered",)]


def test_a_passing_fault_marks_nothing(channels: Channels, twilio):
    taken(twilio)
    channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    told(channels, asked(twilio)[0]["StatusCallback"], "undelivered", ErrorCode="30003")
    assert state(channels) == []


def test_an_unknown_message_changes_nothing(channels: Channels, twilio):
    for number, key in enumerate(("repair:999:entry:1", "%F0%9F%98%80", "x" * 5000, "%00", "")):
        callback = f"https://quay.example/webhooks/twilio/status?key={key}"
        assert told(channels, callback, "failed", f"SM{number}").status_code == 204
    states = {row[0] for row in channels.shop.rows("SELECT state FROM inbox")}
    assert states <= {"done", "ignored"} and channels.log() == [] and state(channels) == []


def test_erasing_keeps_the_wish_and_nothing_else(channels: Channels, twilio):
    ref = channels.customer(phone=PHONE)
    written(channels, "Hello", "SM1", by="whatsapp:")
    with channels.shop.parts.units() as uow:
        erased = erasing.erase(uow, ref, SYSTEM)
    assert state(channels) == [] and not [one for one in erased.kept if "STOP" in one]
    ref = channels.customer(phone=PHONE)
    written(channels, "Stop", "SM2", by="whatsapp:")
    with channels.shop.parts.units() as uow:
        erased = erasing.erase(uow, ref, SYSTEM)
    assert {one for _, one in state(channels)} == {"opted_out"}
    assert [one for one in erased.kept if "STOP" in one]
    assert channels.shop.rows("SELECT count(heard_at) FROM text_numbers") == [(0,)]
    assert PHONE not in str(channels.shop.rows("SELECT convert_from(body, 'UTF8') FROM inbox"))
