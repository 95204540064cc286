"""WhatsApp: free words in the window, an approved template outside it, else SMS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import requests
import responses

from crm.texting import inbox_templates, templates
from crm.texting.models import InboxTemplate
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import (
    ENVIRON,
    MESSAGES,
    PHONE,
    asked,
    taken,
    told,
    written,
)

WHATSAPP_SENDER = "+447700900002"
SID = "HX" + "0a" * 16


@pytest.fixture
def environ() -> dict[str, str]:
    return ENVIRON | {"TWILIO_WHATSAPP_FROM": WHATSAPP_SENDER}


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


@pytest.fixture
def ilse(channels: Channels) -> str:
    """A customer who wrote by WhatsApp just now."""
    ref = channels.customer(phone=PHONE)
    written(channels, "Hello", "SM0", by="whatsapp:", ProfileName="Ilse")
    return ref


def shut(channels: Channels) -> None:
    channels.write("UPDATE text_numbers SET heard_at = heard_at - interval '24 hours'")


def put(channels: Channels, role: str = "manager", **changes: Any) -> Any:
    body = {"name": "repair_received", "locale": "en", "content_sid": SID,
            "variables": ["device", "ref", "link"]} | changes  # fmt: skip
    return channels.shop.call("PUT", "/whatsapp-templates", role, json=body)


def test_inside_the_window_free_words_go_by_whatsapp(channels: Channels, twilio, ilse: str):
    taken(twilio)
    ref = channels.repair(ilse)
    channels.settle()
    (sent,) = asked(twilio)
    assert (sent["To"], sent["From"]) == (f"whatsapp:{PHONE}", f"whatsapp:{WHATSAPP_SENDER}")
    assert ref in sent["Body"] and "We have received" in sent["Body"], "the words of a chat"
    (one,) = channels.shop.call("GET", "/notifications", "desk").json["data"]
    assert (one["channel"], one["segments"], one["cost_minor"], one["cost_currency"]) == (
        "whatsapp", None, 1, "USD",
    )  # fmt: skip
    told(channels, sent["StatusCallback"], "read")
    assert channels.log("channel, state") == [("whatsapp", "read")]


def test_who_never_wrote_there_gets_sms_with_its_price(channels: Channels, twilio):
    taken(twilio)
    channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    (sent,) = asked(twilio)
    assert sent["To"] == PHONE and sent["Body"].startswith("Quay Phones: we have your iPhone 13")
    (one,) = channels.shop.call("GET", "/notifications", "desk").json["data"]
    assert (one["channel"], one["refusals"]) == ("sms", {})
    assert 1 <= one["segments"] <= 2 and one["cost_minor"] >= 6


def test_outside_the_window_sms_is_taken_and_the_reason_written(channels: Channels, twilio, ilse):
    taken(twilio)
    shut(channels)
    channels.repair(ilse)
    channels.settle()
    reason = "outside the 24 hours of WhatsApp, and no approved template for repair_received (en)"
    assert channels.log("channel, state, refusals") == [("sms", "sent", {"whatsapp": reason})]


def test_outside_the_window_an_approved_template_goes(channels: Channels, twilio, ilse: str):
    taken(twilio)
    shut(channels)
    assert put(channels).status_code == 200
    ref = channels.repair(ilse)
    channels.settle()
    (sent,) = asked(twilio)
    values = json.loads(sent["ContentVariables"])
    assert (sent["ContentSid"], values["1"], values["2"]) == (SID, "iPhone 13", ref)
    assert values["3"].startswith("https://quay.example/track/") and "Body" not in sent
    assert channels.log("channel, state, cost_minor") == [("whatsapp", "sent", 4)]


@pytest.mark.parametrize(
    ("number", "channel"), [(WHATSAPP_SENDER, "whatsapp"), ("+447700900999", "sms"), (None, "sms")]
)
def test_a_template_of_the_senders_own_inbox_goes(
    channels: Channels, twilio, ilse: str, number: str | None, channel: str
):
    taken(twilio)
    shut(channels)
    with channels.shop.parts.units() as uow:
        row = InboxTemplate(
            inbox_id=7, name="repair_received", locale="en", remote_name="repair_received",
            language="en", category="utility", words="{{2}}: {{1}}", variables=["device", "ref"],
            number=number, content_sid=SID, read_at=uow.now,
        )  # fmt: skip
        inbox_templates.replace(uow, {7: [row]})
        uow.session.flush()
        assert len(templates.told(uow, WHATSAPP_SENDER)) == (channel == "whatsapp")
    ref = channels.repair(ilse)
    channels.settle()
    assert channels.log("channel, state") == [(channel, "sent")]
    if channel == "whatsapp":
        values = json.loads(asked(twilio)[0]["ContentVariables"])
        assert values == {"1": "iPhone 13", "2": ref}


def test_hostile_values_fit_a_template(channels: Channels, twilio, ilse: str):
    taken(twilio)
    shut(channels)
    put(channels, variables=["device"])
    body = {"customer_ref": ilse, "device": "a\r\nb\t    c {{2}} 😀" + "x" * 100, "problem": "y"}
    assert channels.shop.call("POST", "/repairs", "desk", json=body).status_code in (201, 422)
    channels.settle()
    for sent in asked(twilio):
        value = json.loads(sent["ContentVariables"])["1"]
        assert not {"\n", "\r", "\t"} & set(value) and "    " not in value


@pytest.mark.parametrize("how", ["answer", "callback"])
def test_a_window_that_closed_meanwhile_leads_to_sms(channels: Channels, twilio, ilse, how: str):
    if how == "answer":
        twilio.post(MESSAGES, status=400, json={"code": 63016, "message": "outside"})
    taken(twilio, "SM1", "SM2")
    channels.repair(ilse)
    channels.settle(2)
    if how == "callback":
        callback = asked(twilio)[0]["StatusCallback"]
        for status in ("undelivered", "undelivered", "failed", "sent"):
            told(channels, callback, status, ErrorCode="63016")
    sms = [one for one in asked(twilio) if not one["To"].startswith("whatsapp:")]
    assert len(sms) == 1
    assert channels.log("channel, state") == [("sms", "sent")]
    assert "63016" in str(channels.log("refusals"))


def test_late_news_of_the_first_channel_never_lifts_the_second(channels: Channels, twilio, ilse):
    twilio.post(MESSAGES, status=201, json={"sid": "SM1", "status": "queued"})
    channels.repair(ilse)
    channels.settle()
    callback = asked(twilio)[0]["StatusCallback"]
    twilio.replace("POST", MESSAGES, status=429, json={"code": 20429})
    told(channels, callback, "failed", ErrorCode="63016")
    told(channels, callback, "sent")
    assert channels.log("channel, state") == [("sms", "queued")]
    channels.write("UPDATE outbox SET first_tried_at = NULL WHERE state = 'pending'")
    told(channels, callback, "delivered")
    channels.settle(3)
    assert channels.log("state") == [("delivered",)]
    assert channels.effects("state") == [("done",), ("cancelled",)], "it needs no second message"


def test_not_on_whatsapp_is_learned(channels: Channels, twilio, ilse: str):
    twilio.post(MESSAGES, status=400, json={"code": 63003})
    taken(twilio, "SM1", "SM2")
    for _ in range(2):
        channels.repair(ilse)
        channels.settle(2)
    to = [one["To"] for one in asked(twilio)]
    assert to == [f"whatsapp:{PHONE}", PHONE, PHONE]


def test_stop_on_one_is_stop_on_both(channels: Channels, twilio, ilse: str):
    written(channels, "stop", "SM1", by="whatsapp:")
    channels.repair(ilse)
    channels.settle()
    assert len(twilio.calls) == 0
    assert channels.log("refusals") == [({"whatsapp": "they said stop", "sms": "they said stop"},)]


@pytest.mark.parametrize("is_template", [False, True])
def test_a_lost_answer_sends_nothing_twice(
    channels: Channels, twilio, ilse: str, is_template: bool
):
    if is_template:
        shut(channels)
        put(channels, variables=["ref"])
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    ref = channels.repair(ilse)
    channels.settle()
    body = f"Your repair {ref}" if is_template else asked(twilio)[0]["Body"]
    now = format_datetime(datetime.now(UTC))
    twilio.get(MESSAGES, json={"messages": [{"sid": "SM9", "body": body, "date_created": now}],
                               "next_page_uri": None, "page": 0})  # fmt: skip
    channels.settle(2)
    assert channels.log("channel, state, external_id") == [("whatsapp", "sent", "SM9")]
    assert len(asked(twilio)) == 1


def test_the_same_words_of_another_repair_settle_no_doubt(channels: Channels, twilio, ilse: str):
    """Two phones of one model are told of alike, and the second message never arrived."""
    shut(channels)
    put(channels, variables=["device"])
    taken(twilio, "SM1")
    channels.repair(ilse)
    channels.settle()
    twilio.replace("POST", MESSAGES, status=500, json={})
    channels.repair(ilse)
    channels.settle()
    now = format_datetime(datetime.now(UTC))
    one = {"sid": "SM1", "body": "Your iPhone 13 is here", "date_created": now}
    twilio.get(MESSAGES, json={"messages": [one], "next_page_uri": None, "page": 0})
    twilio.replace("POST", MESSAGES, status=201, json={"sid": "SM2", "status": "queued"})
    channels.settle(3)
    assert channels.log("channel, state, external_id") == [
        ("whatsapp", "sent", "SM1"), ("whatsapp", "sent", "SM2"),
    ]  # fmt: skip


@pytest.mark.parametrize("fault", [429, 500, "timeout"])
def test_one_effect_one_message(channels: Channels, twilio, fault):
    """Whatever goes wrong at first, Twilio takes one message for one effect."""
    broken = (
        {"body": requests.ReadTimeout()} if fault == "timeout" else {"status": fault, "json": {}}
    )
    first = twilio.post(MESSAGES, **broken)
    channels.repair(channels.customer(phone=PHONE))
    channels.settle()
    twilio.remove(first)
    taken(twilio, "SM5")
    twilio.get(MESSAGES, json={"messages": [], "next_page_uri": None, "page": 0})
    channels.settle(4)
    assert channels.log("state, external_id") == [("sent", "SM5")]
    assert len([c for c in twilio.calls if c.request.method == "POST"]) == 2


def test_templates_are_kept_by_managers(channels: Channels):
    assert put(channels, "desk").status_code == 403
    assert put(channels).json["variables"] == ["device", "ref", "link"]
    assert put(channels, variables=["ref"]).json["variables"] == ["ref"]
    listed = channels.shop.call("GET", "/whatsapp-templates", "viewer").json["data"]
    assert [(one["name"], one["variables"]) for one in listed] == [("repair_received", ["ref"])]
    gone = "/whatsapp-templates/repair_received/en"
    assert channels.shop.call("DELETE", gone, "desk").status_code == 403
    assert channels.shop.call("DELETE", gone, "manager").status_code == 204
    assert channels.shop.call("DELETE", gone, "manager").status_code == 404
    audited = channels.shop.rows("SELECT action FROM audit WHERE action LIKE 'whatsapp%'")
    assert len(audited) == 3


@pytest.mark.parametrize(
    "changes",
    [{"name": "../../etc/passwd"}, {"name": "note_entry"}, {"locale": "xx"}, {"content_sid": "HX1"},
     {"content_sid": SID + "\n"}, {"variables": []}, {"variables": ["ref", "ref"]},
     {"variables": ["password"]}, {"variables": ["x" * 10_000]}, {"variables": ["{{1}}"]},
     {"variables": ["\0"]}, {"extra": 1}],
)  # fmt: skip
def test_templates_that_do_not_fit(channels: Channels, changes: dict):
    assert put(channels, **changes).status_code == 422
