"""Proves that Twilio sent a webhook: `POST /webhooks/twilio/status` and `/webhooks/twilio/inbound`.

The signature is checked against PUBLIC_URL, never against forwarded headers; it carries no moment,
so what stops a replay is that each message, and each status of one, counts once (reliability.md,
rules 3 and 30).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from bridge.integrations.twilio import inbound
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Endpoint, Received

STATUS_PATH, INBOUND_PATH = "/webhooks/twilio/status", "/webhooks/twilio/inbound"
MOST_FIELDS = 100

Form = dict[str, str]


def endpoints(account_sid: str, auth_tokens: Sequence[str], public_url: str) -> list[Endpoint]:
    """auth_tokens: each of them proves; there are two while one is changed."""
    validators = [RequestValidator(token) for token in auth_tokens]

    def endpoint(path: str, read: Callable[[Form, Received], Delivery]) -> Endpoint:
        def verify(received: Received) -> Delivery:
            address = f"{public_url}{path}" + (f"?{received.query}" if received.query else "")
            form = _proven(validators, address, received)
            if form.get("AccountSid") != account_sid:
                raise Unauthenticated("another account")
            return read(form, received)

        return Endpoint(path, verify, mimetype="application/x-www-form-urlencoded", is_silent=True)

    return [endpoint(STATUS_PATH, inbound.status), endpoint(INBOUND_PATH, inbound.message)]


def _proven(validators: Sequence[RequestValidator], address: str, received: Received) -> Form:
    try:
        pairs = parse_qsl(
            received.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise BrokenBody("the body is not a form") from error
    signature = received.headers.get("X-Twilio-Signature", "")
    fields = MultiDict(pairs)
    # Every one is tried, so that the answer takes as long whichever fits.
    if True not in [one.validate(address, fields, signature) for one in validators]:
        raise Unauthenticated("the signature does not match")
    return dict(pairs)
