"""Input that should not be, from where it comes in to what does or does not leave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from crm.texting import segments
from tests.integration.channels.conftest import Channels
from tests.standins.twilio.running import StandIn, running

PHONE = "+447700900123"
TOO_LONG = "+1234567890123456"  # a plus and 16 digits
HOSTILE = (
    "x" * 10_000,
    "😀" * 300,
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "a\0b",
)


@pytest.fixture(scope="module")
def _standing() -> Iterator[StandIn]:
    with running() as stand_in:
        yield stand_in


@pytest.fixture
def environ(_standing: StandIn) -> dict[str, str]:
    return _standing.environ | {"WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"}


@pytest.fixture
def twilio(_standing: StandIn, channels: Channels) -> StandIn:
    _standing.books.messages.clear()
    _standing.books.landlines.clear()
    return _standing


def test_an_unknown_locale_is_read_as_one_we_have_words_in(channels: Channels, twilio: StandIn):
    ref = channels.customer(phone=PHONE)
    for locale in ("tlh", "", "pt_BR", "zz-ZZ", "../../etc", "😀", "x" * 10_000):
        channels.write("UPDATE customers SET locale = :locale", locale=locale)
        channels.repair(ref)
        channels.settle()
        wanted = "pt" if locale == "pt_BR" else "en"
        assert channels.log("channel, state, locale")[-1] == ("sms", "sent", wanted), locale


def test_without_phone_and_mail_it_waits_and_says_why(channels: Channels, twilio: StandIn):
    channels.repair(channels.customer())
    channels.settle()
    ((state, reason, channel),) = channels.log("state, reason, channel")
    assert (state, channel) == ("no_channel", None)
    assert "no proven address" in reason
    assert channels.effects() == [] and twilio.books.messages == []


def test_a_plus_and_16_digits_is_taken_nowhere(channels: Channels, twilio: StandIn):
    ref = channels.customer(email="ilse@example.org")
    changed = channels.shop.call("PATCH", f"/customers/{ref}", "desk", json={"phone": TOO_LONG})
    assert (changed.status_code, "phone" in changed.text) == (422, True)
    wish = channels.shop.body(phone=TOO_LONG) | {"email": "otto@example.org"}
    assert channels.shop.call("POST", "/bookings", json=wish).status_code == 422


def test_one_that_is_stored_all_the_same_is_never_sent_to(channels: Channels, twilio: StandIn):
    channels.repair(channels.customer(phone=TOO_LONG))
    channels.settle(2)
    ((state, reason),) = channels.log("state, reason")
    assert state in ("failed", "no_channel") and reason
    assert TOO_LONG not in reason
    assert twilio.books.messages == []


def test_a_landline_gets_one_refusal_and_then_no_more_tries(channels: Channels, twilio: StandIn):
    twilio.books.landlines.add(PHONE)
    ref = channels.customer(phone=PHONE)
    before = len(twilio.api.requests)
    for _ in range(2):
        channels.repair(ref)
        channels.settle(2)
    assert len(twilio.api.requests) - before == 1
    assert [reason for (reason,) in channels.log("reason") if "21614" in reason]
    assert {state for (state,) in channels.log("state")} <= {"failed", "no_channel"}


def test_a_name_writes_no_header(channels: Channels, twilio: StandIn):
    ref = channels.customer(email="ilse@example.org")
    for name in ("Ilse\r\nBcc: eve@example.org", "Ilse\n\nDear Eve", "\rX: y\r\n", *HOSTILE):
        changed = channels.shop.call("PATCH", f"/customers/{ref}", "desk", json={"name": name})
        assert changed.status_code in (200, 422), changed.text
        if "\0" not in name:  # as an older release, or Chatwoot, may have brought it in
            channels.write("UPDATE customers SET name = :name", name=name)
        channels.repair(ref)
        channels.settle()
        mail = channels.post.mails[-1]
        assert (mail["To"], mail["Bcc"], mail["X"]) == ("ilse@example.org", None, None)
        assert "<script>alert" not in str(mail) and "49" not in str(mail["Subject"])
    assert set(channels.post.recipients) == {"ilse@example.org"}
    assert len(channels.post.mails) == 9


def test_a_note_of_10_000_signs(channels: Channels, twilio: StandIn):
    """Refused where people type it; one that came in all the same costs two or three segments."""
    ref = channels.repair(channels.customer(phone=PHONE))
    path = f"/repairs/{ref}/updates"
    news = {"status": "ready_pickup", "note": "x" * 10_000}
    assert channels.shop.call("POST", path, "desk", json=news).status_code == 422
    news["note"] = "ç😀" * 1_000
    assert channels.shop.call("POST", path, "desk", json=news).status_code == 201
    channels.settle()
    words = twilio.books.to(PHONE)[-1]["body"]
    assert len(words) < 400 and "https://quay.example" in words
    assert channels.log("segments")[-1] == (segments.counted(words).segments,)


def test_who_forbids_everything_gets_nothing_and_the_log_says_so(
    channels: Channels, twilio: StandIn
):
    ref = channels.customer(phone=PHONE, email="ilse@example.org")
    everything = {"frequency": "none", "marketing": False,
                  "blocked": ["chatwoot", "mail", "whatsapp", "sms"]}  # fmt: skip
    path = f"/customers/{ref}/communication-preferences"
    answer = channels.shop.call("PATCH", path, "desk", json=everything)
    assert answer.status_code == 200, answer.text
    channels.repair(ref)
    channels.settle()
    assert channels.log("state, reason") == [
        ("skipped", "the customer wants no messages; this is milestone")
    ]
    assert (channels.post.mails, twilio.books.messages, channels.effects()) == ([], [], [])


def test_who_blocks_every_channel_gets_nothing_either(channels: Channels, twilio: StandIn):
    ref = channels.customer(phone=PHONE, email="ilse@example.org")
    path = f"/customers/{ref}/communication-preferences"
    blocked = {"blocked": ["chatwoot", "mail", "whatsapp", "sms"]}
    assert channels.shop.call("PATCH", path, "desk", json=blocked).status_code == 200
    channels.repair(ref)
    channels.settle()
    ((state, refusals),) = channels.log("state, refusals")
    assert state == "no_channel"
    assert refusals == dict.fromkeys(("mail", "sms"), "the customer does not want it")
    assert (channels.post.mails, twilio.books.messages) == ([], [])


def test_stop_in_any_case_and_language_listed(channels: Channels, twilio: StandIn):
    ref = channels.customer(phone=PHONE)

    def write(words: str, sid: str) -> None:
        twilio.courier.post = lambda path, form, headers: (
            channels.shop.http.post(path, data=form, headers=headers).status_code
        )
        twilio.courier.url = ""
        assert twilio.courier.writes(words, sid, PHONE) == 204
        twilio.courier.url = None
        due = channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")
        channels.shop.parts.rows().work([row[0] for row in due], [])

    stops = ("sToP", "Stop all", "unsubscribe", "Parar", "SAIR!", "cancelar.")
    for number, words in enumerate(stops):
        write(words, f"SM{number}")
        channels.repair(ref)
        channels.settle()
        assert channels.log("state, refusals")[-1] == ("no_channel", {"sms": "they said stop"})
        assert len(twilio.books.messages) == number
        write("Start", f"SM{number}0")
        channels.settle()  # what was held back goes now
    assert len(twilio.books.messages) == len(stops)


@pytest.mark.parametrize("status", [302, 308])
def test_a_webhook_target_that_redirects_inside_is_not_followed(
    channels: Channels, twilio: StandIn, status: int
):
    with listening(204) as inside, listening(status, inside.url) as outside:
        body = {"url": outside.url, "kinds": ["repair.created"]}
        assert channels.shop.call("POST", "/webhooks", "admin", json=body).status_code == 201
        channels.repair(channels.customer())
        channels.settle()
    assert (outside.heard, inside.heard) == (1, 0)
    ((_, state, reason),) = [row for row in channels.effects() if row[0] == "webhooks.post"]
    assert state == "pending" and str(status) in reason


class Listener:
    def __init__(self) -> None:
        self.url, self.heard = "", 0


@contextmanager
def listening(status: int, location: str = "") -> Iterator[Listener]:
    told = Listener()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.heard += 1
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/events"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()
