"""Every callback has an example body that is proven, read and handled; others are not."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from twilio.request_validator import RequestValidator

from bridge.integrations.twilio import inbound, verify
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received
from crm.core.vault import Seal

FOLDER = Path(__file__).parent / "bodies"
BODIES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.form"))}
ACCOUNT, PUBLIC = "AC0123456789abcdef", "https://quay.example"
NEW, OLD = "a-token-of-twilio-1234", "the-token-before-5678"
STATUS, INBOUND = verify.endpoints(ACCOUNT, (NEW, OLD), PUBLIC)
QUERY = urlencode({inbound.KEY: "repair:1:entry:1"})


def taken(body: bytes, token: str = NEW, signature: str | None = None, **other: str) -> Delivery:
    endpoint = INBOUND if b"SmsStatus=received" in body else STATUS
    query = QUERY if endpoint is STATUS else ""
    if signature is None:
        address = f"{PUBLIC}{endpoint.rule}" + (f"?{query}" if query else "")
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signature = RequestValidator(token).compute_signature(address, form)
    headers = {"X-Twilio-Signature": signature} | other
    return endpoint.verify(Received(headers, body, {}, "192.0.2.1", "req-1", query))


def changed(name: str, **fields: str) -> bytes:
    return urlencode(
        dict(parse_qsl(BODIES[name].decode(), keep_blank_values=True)) | fields
    ).encode()


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_handled(name: str):
    found = taken(BODIES[name])
    assert found.handled and found.source == "twilio"
    assert (found.source, found.type) in inbound.handlers(Seal(("k" * 32,)))
    assert found.type == {"status": inbound.STATUS, "received": inbound.MESSAGE}[name.split(".")[0]]


def test_a_body_per_status_and_channel():
    statuses = {json.loads(taken(body).body).get("status") for body in BODIES.values()}
    assert {*inbound.REACHED, *inbound.FAILED} == statuses - {None}
    heard = [json.loads(taken(BODIES[n]).body) for n in BODIES if n.startswith("received")]
    assert {one["channel"] for one in heard} == set(inbound.KINDS)
    assert {one["media"] for one in heard} == {0, 1}
    assert {one["opt_out"] for one in heard} == {"", "STOP"}


def test_statuses_keep_no_number():
    for name in BODIES:
        if name.startswith("status"):
            assert b"447700900" not in taken(BODIES[name]).body
        assert "447700900" not in taken(BODIES[name]).subject + taken(BODIES[name]).key


def test_both_tokens_prove_and_no_third():
    body = BODIES["received.sms"]
    assert taken(body, NEW).key == taken(body, OLD).key
    with pytest.raises(Unauthenticated):
        taken(body, "a-guessed-token-0000")


def test_forwarded_headers_prove_nothing():
    body = BODIES["received.sms"]
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    forged = RequestValidator(NEW).compute_signature("https://evil.example" + INBOUND.rule, form)
    with pytest.raises(Unauthenticated):
        taken(body, signature=forged, **{"X-Forwarded-Host": "evil.example"})


@pytest.mark.parametrize("signature", ["", "=", "ü" * 28, "x" * 10_000, "\0"])
def test_broken_proofs(signature: str):
    with pytest.raises(Unauthenticated):
        taken(BODIES["received.sms"], signature=signature)


def test_a_body_of_another_account_or_kind():
    with pytest.raises(Unauthenticated):
        taken(changed("received.sms", AccountSid="ACother"))
    with pytest.raises(BrokenBody):
        taken(b"SmsStatus=received&" + b"a=1&" * 200, signature="x")
    with pytest.raises(BrokenBody):
        taken(b"SmsStatus=received\xff", signature="x")


@pytest.mark.parametrize(
    "fields",
    [{"From": "QUAY"}, {"From": "12345"}, {"From": "+1234567890123456"}, {"From": ""},
     {"From": "whatsapp:whatsapp:+447700900123"}, {"From": "+447700900123\r\nX: y"},
     {"MessageSid": ""}, {"MessageSid": "../x"}, {"MessageSid": "SM" + "1" * 10_000},
     {"From": "+٤٤٧٧٠٠٩٠٠١٢٣"}],
)  # fmt: skip
def test_what_nobody_can_answer_is_kept_as_ignored(fields: dict[str, str]):
    assert taken(changed("received.sms", **fields)).handled is False


@pytest.mark.parametrize("words", ["x" * 10_000, "\0\0", "😀" * 3_000, "\u202e{{7*7}}<script>"])
def test_odd_words_are_stored(words: str):
    said = json.loads(taken(changed("received.sms", Body=words, ProfileName=words)).body)
    assert len(said["words"]) <= inbound.LONGEST_WORDS and "\0" not in said["words"]
    assert len(said["name"]) <= inbound.LONGEST_NAME


@pytest.mark.parametrize(("told", "media"), [("-1", 0), ("x", 0), ("999", 99), ("9" * 5_000, 0)])
def test_odd_counts(told: str, media: int):
    assert json.loads(taken(changed("received.sms", NumMedia=told)).body)["media"] == media
