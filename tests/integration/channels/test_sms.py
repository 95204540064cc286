"""SMS: Twilio at the HTTP line; its answers, its silence and its callbacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from twilio.request_validator import RequestValidator

from crm.core.events import SYSTEM
from crm.privacy import erasing
from crm.texting.segments import LONGEST_TEXT, shortened
from tests.integration.channels.conftest import Channels

ACCOUNT, TOKEN, SENDER = "AC0123456789abcdef", "a-token-of-twilio-1234", "+447700900001"
MESSAGES = f"http://twilio.test/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
PHONE = "+447700900123"


@pytest.fixture
def environ() -> dict[str, str]:
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": SENDER,
        "TWILIO_API_BASE": "http://twilio.test",
        "PUBLIC_URL": "https://quay.example",
    }


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        yield line


def taken(line: Any, sid: str = "SM1") -> None:
    line.post(MESSAGES, status=201, json={"sid": sid, "status": "queued"})


def asked(line: Any, number: int = -1) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(line.calls[number].request.body).items()}


def listed(line: Any, *messages: dict[str, Any]) -> None:
    line.get(MESSAGES, json={"messages": list(messages), "next_page_uri": None, "page": 0})


def told(channels: Channels, callback: str, status: str, sid: str = "SM1", **fields: str) -> Any:
    """Twilio posts a status. fields: of the form, `signature` and `to` apart."""
    signature = fields.pop("signature", None)
    form = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT, "To": PHONE} | fields
    signature = signature or RequestValidator(TOKEN).compute_signature(callback, form)
    where = urlsplit(callback)
    answer = channels.shop.http.post(
        f"{where.path}?{where.query}", data=form, headers={"X-Twilio-Signature": signature}
    )
    work(channels)
    return answer


def work(channels: Channels) -> None:
    due = [row[0] for row in channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")]
    channels.shop.parts.rows().work(due, [])
    channels.settle()


def repair(channels: Channels) -> str:
    return channels.repair(channels.customer(phone=PHONE))


def test_a_guest_with_a_phone_gets_the_code_by_sms(channels: Channels, twilio, caplog):
    taken(twilio)
    wish = {k: v for k, v in channels.shop.body(phone=PHONE).items() if k != "email"}
    made = channels.shop.call("POST", "/bookings", json=wish).json
    code = channels.shop.code()
    channels.settle()
    assert (asked(twilio)["To"], asked(twilio)["From"]) == (PHONE, SENDER)
    assert asked(twilio)["Body"].startswith(code)
    assert ("verification_code", "sms", "sent") in channels.log()
    assert code not in str(channels.effects("outbox")) and code not in caplog.text
    firm = channels.shop.call("POST", f"/bookings/{made['token']}/confirm", json={"code": code})
    assert firm.json["status"] == "confirmed"
    channels.settle()
    assert made["ref"] in asked(twilio)["Body"]
    assert channels.post.mails == []


def test_statuses_climb_and_never_fall(channels: Channels, twilio):
    taken(twilio)
    repair(channels)
    channels.settle()
    callback = asked(twilio)["StatusCallback"]
    assert callback.startswith("https://quay.example/webhooks/twilio/status?key=repair%3A")
    for status, state in (("queued", "sent"), ("delivered", "delivered"), ("sent", "delivered"),
                          ("read", "read"), ("failed", "read")):  # fmt: skip
        assert told(channels, callback, status).status_code == 204
        assert channels.log("channel, state, external_id") == [("sms", state, "SM1")]
    assert told(channels, callback, "delivered").status_code == 204, "a repeat"
    assert PHONE not in str(channels.shop.rows("SELECT convert_from(body, 'UTF8') FROM inbox"))


@pytest.mark.parametrize("fault", ["signature", "account", "key", "none"])
def test_a_callback_that_is_not_twilios_is_refused(channels: Channels, twilio, fault: str):
    taken(twilio)
    repair(channels)
    channels.settle()
    callback, fields = asked(twilio)["StatusCallback"], {}
    if fault == "signature":
        fields["signature"] = "ü" * 28
    elif fault == "none":
        fields["signature"] = "="
    elif fault == "account":
        fields["AccountSid"] = "ACother"
    else:
        fields["signature"] = RequestValidator(TOKEN).compute_signature(
            callback, {"MessageSid": "SM1"}
        )
    assert told(channels, callback, "delivered", **fields).status_code == 401
    assert channels.log("state") == [("sent",)]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"status": 400, "json": {"code": 21211, "message": f"{PHONE} is invalid"}}, "dead"),
        ({"status": 429, "json": {"code": 20429}}, "pending"),
        ({"status": 401, "json": {"code": 20003}}, "pending"),
        ({"status": 500, "json": {}}, "unsure"),
        ({"status": 201, "body": "<html>"}, "unsure"),
        ({"body": requests.ConnectTimeout()}, "pending"),
        ({"body": requests.ReadTimeout()}, "unsure"),
        ({"body": requests.ConnectionError()}, "unsure"),
    ],
)
def test_what_an_answer_leads_to(channels: Channels, twilio, answer: dict, state: str):
    twilio.post(MESSAGES, **answer)
    repair(channels)
    channels.settle()
    ((_, found, reason),) = channels.effects()
    assert found == state
    assert PHONE not in reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("900", 900), ("1", 30), ("-5", 30), ("soon", 30), ("9" * 5000, 30), ("999999999", 86_400),
        ("in two hours", 7200),
    ],
)  # fmt: skip
def test_a_longer_wait_that_twilio_asks_for_is_kept(
    channels: Channels, twilio, header: str, seconds: int
):
    if header == "in two hours":
        header = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    twilio.post(MESSAGES, status=429, json={"code": 20429}, headers={"Retry-After": header})
    repair(channels)
    channels.settle()
    ((wait, reason),) = channels.effects("extract(epoch FROM due_at - clock_timestamp()), reason")
    assert 0.7 * seconds < float(wait) < 1.25 * seconds
    assert reason == "temporary: Twilio answered 429, error 20429"


def test_credentials_refused_while_looking_cost_no_attempt(channels: Channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    twilio.get(MESSAGES, status=401, json={"code": 20003})
    channels.settle(2)
    assert channels.effects("state, attempts, reason") == [
        ("unsure", 1, "denied: Twilio answered 401, error 20003")
    ]
    paused = "SELECT count(*) FROM destinations WHERE closed_until > clock_timestamp()"
    assert channels.shop.rows(paused) == [(1,)]


def test_doubt_is_settled_by_the_list_without_a_second_message(channels: Channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    body = asked(twilio)["Body"]
    old = format_datetime(datetime.now(UTC) - timedelta(hours=2))
    now = format_datetime(datetime.now(UTC))
    listed(twilio, {"sid": "SM0", "body": body, "date_created": old},
           {"sid": "SM7", "body": f"Trial - {body}", "date_created": now})  # fmt: skip
    channels.settle(2)
    assert channels.effects("state") == [("done",)]
    assert channels.log("state, external_id") == [("sent", "SM7")]
    assert [call.request.method for call in twilio.calls] == ["POST", "GET"]


def test_doubt_about_what_is_not_there_sends_again(channels: Channels, twilio):
    lost = twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    twilio.remove(lost)
    listed(twilio)
    taken(twilio, "SM2")
    channels.settle(3)
    assert channels.log("state, external_id") == [("sent", "SM2")]


def test_doubt_is_settled_by_the_callback(channels: Channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    told(channels, asked(twilio)["StatusCallback"], "delivered", "SM9")
    assert channels.effects("state") == [("done",)]
    assert channels.log("state, external_id") == [("delivered", "SM9")]
    assert len(twilio.calls) == 1


def test_after_an_hour_of_doubt_a_person_decides(channels: Channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    channels.write("UPDATE outbox SET first_tried_at = clock_timestamp() - interval '61 minutes'")
    channels.settle(2)
    assert channels.effects("state") == [("dead",)]
    assert len(twilio.calls) == 2  # once sent, once asked for


def test_mail_comes_before_sms_and_hands_over_what_it_refuses(channels: Channels, twilio):
    taken(twilio)
    customer = channels.customer(email="ilse@example.org", phone=PHONE)
    channels.repair(customer)
    channels.settle()
    assert (channels.log("channel, state"), len(twilio.calls)) == ([("mail", "sent")], 0)
    channels.post.at_rcpt = "550 5.1.1 gone"
    channels.repair(customer)
    channels.settle(2)
    reason = "permanent: the mail server answered 550 5.1.1"
    assert channels.log("channel, state, refusals")[1] == ("sms", "sent", {"mail": reason})
    assert [state for _, state, _ in channels.effects()] == ["done", "cancelled", "done"]


def test_what_the_last_channel_refuses_has_failed(channels: Channels, twilio):
    taken(twilio)
    repair(channels)
    channels.settle()
    told(channels, asked(twilio)["StatusCallback"], "undelivered", ErrorCode="30003")
    assert channels.log("channel, state") == [("sms", "failed")]
    assert len(twilio.calls) == 1


def test_long_texts_keep_their_link():
    text = "x" * 5000 + "\nFollow it here: https://quay.example/track/abc"
    assert len(shortened(text)) <= LONGEST_TEXT
    assert shortened(text).endswith("/track/abc")
    assert len(shortened("y" * 10_000)) <= LONGEST_TEXT


def test_what_failed_is_not_sent_by_late_news(channels, twilio):
    taken(twilio)
    repair(channels)
    channels.settle()
    cb = asked(twilio)["StatusCallback"]
    told(channels, cb, "failed", ErrorCode="30003")
    assert channels.log("state") == [("failed",)]
    told(channels, cb, "sent")
    assert channels.log("state") == [("failed",)]


def test_news_of_an_erased_message_is_no_fault(channels, twilio):
    taken(twilio)
    ref = channels.customer(phone=PHONE)
    channels.repair(ref)
    channels.settle()
    cb = asked(twilio)["StatusCallback"]
    channels.write("UPDATE repairs SET status='delivered'")
    with channels.shop.parts.units() as uow:
        erasing.erase(uow, ref, SYSTEM)
    told(channels, cb, "delivered")
    newest = channels.shop.rows("SELECT state FROM inbox ORDER BY id DESC LIMIT 1")
    assert newest == [("done",)]


def test_doubt_is_looked_up_after_an_hour_too(channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    body = asked(twilio)["Body"]
    listed(twilio, {"sid": "SM7", "body": body, "date_created": format_datetime(datetime.now(UTC))})
    channels.write("UPDATE outbox SET first_tried_at = first_tried_at - interval '61 minutes'")
    channels.settle(2)
    assert (channels.effects("state"), channels.log("state, refusals")) == (
        [("done",)],
        [("sent", {})],
    )


def test_doubt_is_no_refusal(channels, twilio):
    twilio.post(MESSAGES, body=requests.ReadTimeout())
    repair(channels)
    channels.settle()
    listed(twilio)
    channels.write("UPDATE outbox SET first_tried_at = first_tried_at - interval '61 minutes'")
    channels.settle(2)
    assert channels.log("state, refusals") == [("failed", {})]


def test_a_message_erased_on_its_way_ends(channels, twilio):
    taken(twilio)
    ref = channels.customer(phone=PHONE)
    channels.repair(ref)
    channels.write(
        "UPDATE outbox SET state='unsure', lost_leases=1, first_tried_at=clock_timestamp()"
    )
    channels.write("UPDATE outbox SET state='sending'")
    channels.write("UPDATE repairs SET status='delivered'")
    with channels.shop.parts.units() as uow:
        erasing.erase(uow, ref, SYSTEM)
    channels.write(
        "UPDATE outbox SET state='unsure', due_at=clock_timestamp() WHERE state='sending'"
    )
    for _ in range(7):
        channels.settle(2)
    assert channels.effects("state") in ([("dead",)], [("cancelled",)])


def test_an_address_is_erased_however_it_is_spelt(channels):
    ref = channels.customer(email="Ilse@Example.org")
    channels.write(
        """INSERT INTO inbox
             (source, sender, type, subject, delivery_key, body, body_hash, state)
           VALUES ('shop', '1', 'repair.created', 'repair:1:A', 'k1',
                   convert_to('{"email":"Ilse@Example.org"}', 'UTF8'), 'h', 'done')"""
    )
    channels.write("UPDATE customers SET email='ilse@example.org'")
    with channels.shop.parts.units() as uow:
        erasing.erase(uow, ref, SYSTEM)
    assert channels.shop.rows("SELECT body FROM inbox") == [(None,)]


def test_a_place_sends_from_its_own_number(channels: Channels, twilio):
    """Of a booking and of what came of it; another place sends as the shop does."""
    shop, own = channels.shop, "+447700900777"
    (slug,) = [one["slug"] for one in shop.call("GET", "/locations", "desk").json["data"]]
    change = shop.call("PATCH", f"/locations/{slug}", "manager", json={"sms_from": own})
    assert (change.status_code, change.json["sms_from"]) == (200, own)
    taken(twilio)
    repair(channels)
    channels.settle()
    assert asked(twilio)["From"] == own

    other = {"slug": "harbour", "name": "Harbour"}
    assert shop.call("POST", "/locations", "manager", json=other).status_code == 201
    repair(channels)
    channels.settle()
    assert asked(twilio)["From"] == SENDER

    shop.confirmed(location=slug)
    channels.write("UPDATE booked_devices SET repair_id = (SELECT max(id) FROM repairs)")
    (ref,) = shop.rows("SELECT ref FROM repairs ORDER BY id DESC LIMIT 1")[0]
    moved = shop.call("POST", f"/repairs/{ref}/updates", "desk", json={"status": "diagnosing"})
    assert moved.status_code == 201, moved.text
    channels.settle()
    assert asked(twilio)["From"] == own and channels.log("state")[-1] == ("sent",)


@pytest.mark.parametrize(
    "value", ["", "+0", "12345", "x" * 10_000, "שלום", "a\x00b", "<script>", 7]
)
def test_what_is_no_sender_is_refused(channels: Channels, value: object):
    (slug,) = [one["slug"] for one in channels.shop.call("GET", "/locations", "desk").json["data"]]
    body = {"sms_from": value}
    assert (
        channels.shop.call("PATCH", f"/locations/{slug}", "manager", json=body).status_code == 422
    )
