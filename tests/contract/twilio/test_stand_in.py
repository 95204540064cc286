"""The stand-in answers Twilio's own library as Twilio does: the fault tests lean on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.standins.twilio.running import (
    ACCOUNT,
    PUBLIC,
    SMS_FROM,
    TOKEN,
    WHATSAPP_FROM,
    StandIn,
    running,
)

PHONE = "+447700900123"
CALLBACK = f"{PUBLIC}/webhooks/twilio/status?key=a%3A1"


@pytest.fixture
def twilio() -> Iterator[StandIn]:
    with running() as stand_in:
        stand_in.faults.seconds = 0.5
        yield stand_in


class _Line(TwilioHttpClient):
    def __init__(self, base: str):
        super().__init__(timeout=0.3)
        self._base = base

    def request(self, method, url, *args, **kwargs):
        url = url.replace("https://api.twilio.com", self._base)
        return super().request(method, url, *args, **kwargs)


def library(twilio: StandIn, token: str = TOKEN) -> Client:
    return Client(ACCOUNT, token, http_client=_Line(twilio.url))


def create(twilio: StandIn, **changes: str):
    return library(twilio).messages.create(
        **{"to": PHONE, "from_": SMS_FROM, "body": "Hello", **changes}
    )


def test_it_takes_and_lists(twilio: StandIn):
    first, second = create(twilio), create(twilio, body="😀 again")
    create(twilio, to="+447700900124")
    found = library(twilio).messages.list(to=PHONE, from_=SMS_FROM, page_size=1)
    assert [one.sid for one in found] == [second.sid, first.sid], "newest first, page by page"
    assert (first.status, found[0].body, found[0].date_created.tzname()) == (
        "queued",
        "😀 again",
        "UTC",
    )


def test_whatsapp_and_its_templates(twilio: StandIn):
    twilio.books.templates["HX1"] = "Your repair {{1}} is {{2}}"
    create(twilio, to=f"whatsapp:{PHONE}", from_=f"whatsapp:{WHATSAPP_FROM}", body=None,
           content_sid="HX1", content_variables='{"1": "R-1", "2": "done"}')  # fmt: skip
    (found,) = twilio.books.to(PHONE, "whatsapp:")
    assert found["body"] == "Your repair R-1 is done" and twilio.books.to(PHONE) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ""}, 21604),
        ({"to": "+1234567890123456"}, 21211),
        ({"to": "07700 900123"}, 21211),
        ({"to": "+442071838750"}, 21614),
        ({"to": "+447700900199"}, 21610),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"from_": "+15550000000"}, 21606),
        ({"from_": f"whatsapp:{WHATSAPP_FROM}"}, 21606),
    ],
)
def test_what_it_refuses(twilio: StandIn, changes: dict, code: int):
    twilio.books.landlines.add("+442071838750")
    twilio.books.stopped.add("+447700900199")
    with pytest.raises(TwilioRestException) as refused:
        create(twilio, **changes)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert twilio.books.messages == []


def test_it_knows_its_customers(twilio: StandIn):
    with pytest.raises(TwilioRestException) as refused:
        library(twilio, "wrong").messages.create(to=PHONE, from_=SMS_FROM, body="Hello")
    assert (refused.value.status, refused.value.code) == (401, 20003)


@pytest.mark.parametrize(
    ("kind", "raised", "saved"),
    [
        ("429", TwilioRestException, 0),
        ("500", TwilioRestException, 0),
        ("500 saved", TwilioRestException, 1),
        ("lost", requests.ReadTimeout, 1),
        ("reset", requests.ConnectionError, 0),
        ("reset saved", requests.ConnectionError, 1),
    ],
)
def test_faults_are_what_they_say(twilio: StandIn, kind: str, raised: type, saved: int):
    twilio.faults.plan(kind, to=PHONE)
    create(twilio, to="+447700900124")
    with pytest.raises(raised):
        create(twilio)
    assert len(twilio.books.to(PHONE)) == saved
    assert twilio.faults.is_over
    create(twilio)


def test_its_webhooks_are_signed(twilio: StandIn):
    posts = []
    twilio.courier.post = lambda url, form, headers: posts.append((url, form, headers)) or 204
    twilio.subscribe("http://127.0.0.1:1")
    twilio.courier.fates[PHONE] = ("queued", "undelivered:30003")
    create(twilio, status_callback=CALLBACK)
    assert posts == [], "a moment later"
    twilio.courier.deliver()
    assert [form["MessageStatus"] for _, form, _ in posts] == ["queued", "undelivered"]
    url, form, headers = posts[-1]
    assert url == "http://127.0.0.1:1/webhooks/twilio/status?key=a%3A1"
    assert form["ErrorCode"] == "30003"
    assert RequestValidator(TOKEN).validate(CALLBACK, form, headers["X-Twilio-Signature"])


def test_what_is_not_taken_is_posted_again(twilio: StandIn):
    answers = iter((503, 204, 204, 204))
    twilio.courier.post = lambda *_: next(answers)
    twilio.subscribe("http://127.0.0.1:1")
    create(twilio, status_callback=CALLBACK)
    assert twilio.courier.deliver() == [503, 204, 204]
    assert (twilio.courier.deliver(), twilio.courier.deliver()) == ([204], [])
