"""Twilio at the HTTP line, and what it posts to us: shared by the tests of its two channels."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from twilio.request_validator import RequestValidator

from tests.integration.channels.conftest import Channels

ACCOUNT, TOKEN, SENDER = "AC0123456789abcdef", "a-token-of-twilio-1234", "+447700900001"
MESSAGES = f"http://twilio.test/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
PHONE, PUBLIC = "+447700900123", "https://quay.example"
ENVIRON = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_FROM": SENDER,
    "TWILIO_API_BASE": "http://twilio.test",
    "PUBLIC_URL": PUBLIC,
}


def taken(line: Any, *sids: str) -> None:
    for sid in sids or ("SM1",):
        line.post(MESSAGES, status=201, json={"sid": sid, "status": "queued"})


def asked(line: Any) -> list[dict[str, str]]:
    """Every message that was asked for."""
    return [
        {k: v[0] for k, v in parse_qs(call.request.body).items()}
        for call in line.calls
        if call.request.method == "POST"
    ]


def posted(channels: Channels, address: str, form: dict[str, str]) -> Any:
    """Twilio posts a form; what it causes is worked off."""
    form = {"AccountSid": ACCOUNT} | form
    signature = RequestValidator(TOKEN).compute_signature(address, form)
    where = urlsplit(address)
    path = where.path + (f"?{where.query}" if where.query else "")
    answer = channels.shop.http.post(path, data=form, headers={"X-Twilio-Signature": signature})
    due = [row[0] for row in channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")]
    channels.shop.parts.rows().work(due, [])
    channels.settle()
    return answer


def told(channels: Channels, callback: str, status: str, sid: str = "SM1", **fields: str) -> Any:
    return posted(channels, callback, {"MessageSid": sid, "MessageStatus": status} | fields)


def written(
    channels: Channels, words: str, sid: str, *, by: str = "", sender: str = PHONE, **fields: str
) -> Any:
    """Somebody writes to our number. by: `whatsapp:`."""
    form = {"MessageSid": sid, "From": by + sender, "Body": words, "NumMedia": "0"} | fields
    return posted(channels, f"{PUBLIC}/webhooks/twilio/inbound", form)
