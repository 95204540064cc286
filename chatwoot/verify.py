"""Proves who sent a webhook and names the delivery (webhooks.md 3, 5; reliability.md 3, 4, 29).

Signed hooks show HMAC-SHA256 over `timestamp.body`; versions that do not sign use an address with
a secret token, and what arrives there is only a hint: it makes us fetch, never act.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from crm.core.clock import from_unix
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received

WINDOW_SECONDS = 300
REPEAT_WINDOW_SECONDS = 60
SOURCE, BOT_SOURCE, HINT_SOURCE = "chatwoot", "chatwoot-bot", "chatwoot-hint"
MOST_DEPTH_ERROR = "the body is nested too deeply"


def check_signature(
    secrets: Sequence[str], headers: Any, body: bytes, *, at: float | None = None
) -> None:
    """Raises Unauthenticated unless one of the secrets signed this body within ±300 s."""
    timestamp = headers.get("X-Chatwoot-Timestamp", "")
    signature = headers.get("X-Chatwoot-Signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Unauthenticated("missing or broken timestamp")
    if abs((time.time() if at is None else at) - int(timestamp)) > WINDOW_SECONDS:
        raise Unauthenticated("the timestamp is more than five minutes off")
    given = signature.encode("utf-8", "replace")
    valid = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
        valid |= hmac.compare_digest(b"sha256=" + digest.hexdigest().encode(), given)
    if not valid:
        raise Unauthenticated("the signature does not match")


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises BrokenBody."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except RecursionError as error:
        raise BrokenBody(MOST_DEPTH_ERROR) from error
    except ValueError as error:  # also wrong UTF-8 and integers of thousands of digits
        raise BrokenBody("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BrokenBody("the body is not a JSON object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def number_of(body: dict[str, Any]) -> int | None:
    """The id a body gives, None where it is none."""
    value = body.get("id")
    return value if type(value) is int and 0 < value < 2**63 else None


def _conversation_number(event: str, body: dict[str, Any]) -> int | None:
    if event.startswith("message_"):
        conversation = body.get("conversation")
        return number_of(conversation) if isinstance(conversation, dict) else None
    if event.startswith("conversation_"):
        return number_of(body)
    return None


def subject_of(account_id: int, event: str, body: dict[str, Any]) -> str:
    """What must be handled one at a time: the conversation, or the contact."""
    number = _conversation_number(event, body)
    if number is not None:
        return f"conversation:{account_id}:{number}"
    return f"{event.split('_')[0]}:{account_id}:{number_of(body)}"


def meaning_of(event: str, body: dict[str, Any], raw: bytes) -> tuple[str, int | None]:
    """The key by meaning and its window in seconds (reliability.md, rule 3)."""
    number = number_of(body)
    if number is not None and event in (
        "message_created",
        "conversation_created",
        "contact_created",
    ):
        return f"{event}:{number}", None
    changed_at = body.get("updated_at")
    if (
        number is not None
        and isinstance(changed_at, int | float)
        and event.startswith("conversation_")
    ):
        return f"{event}:{number}:{changed_at!r}", None
    return f"{event}:{hashlib.sha256(raw).hexdigest()}", REPEAT_WINDOW_SECONDS


class Hook:
    """One address Chatwoot posts to.

    secrets: asked at each request, so that a rotation needs no restart. handles: the event types
    that have a handler.
    """

    def __init__(
        self,
        source: str,
        account_id: int,
        secrets: Callable[[], Sequence[str]],
        handles: Callable[[str], bool],
    ):
        self._source = source
        self._account_id = account_id
        self._secrets = secrets
        self._handles = handles

    def verify(self, request: Received) -> Delivery:
        """For a signed address. Raises Unauthenticated, BrokenBody."""
        secrets = self._secrets()
        if not secrets:
            raise Unauthenticated("no webhook secret is known yet: run provision")
        check_signature(secrets, request.headers, request.body)
        return self.delivery(request, self._source)

    def delivery(self, request: Received, source: str) -> Delivery:
        body = parse(request.body)
        named = body.get("event")
        event = (
            named[:100]
            if isinstance(named, str) and named.isascii() and named.isprintable()
            else "unknown"
        )
        handled = self._handles(event)
        meaning, window = meaning_of(event, body, request.body) if handled else (None, None)
        sent = request.headers.get("X-Chatwoot-Timestamp", "")
        return Delivery(
            source=source,
            sender=str(self._account_id),
            type=event,
            subject=subject_of(self._account_id, event, body),
            # Without a delivery id only the meaning can stop a repeat.
            key=request.headers.get("X-Chatwoot-Delivery", "")[:100] or str(uuid.uuid4()),
            body=request.body,
            meaning_key=meaning,
            window_seconds=window,
            occurred_at=from_unix(int(sent)) if sent.isdigit() and len(sent) <= 12 else None,
            handled=handled,
            request_id=request.request_id,
        )


class AddressHook(Hook):
    """The address with a token. The first valid signature pins it to `signed` (rule 29)."""

    def __init__(
        self,
        account_id: int,
        token: Callable[[], str | None],
        secrets: Callable[[], Sequence[str]],
        handles: Callable[[str], bool],
        pin: Pin,
    ):
        super().__init__(SOURCE, account_id, secrets, handles)
        self._token = token
        self._pin = pin

    def verify(self, request: Received) -> Delivery:
        """Raises Unauthenticated, BrokenBody."""
        token = self._token()
        given = request.path_args["token"]
        if not token or not hmac.compare_digest(token.encode(), given.encode("utf-8", "replace")):
            raise Unauthenticated("unknown webhook address")
        if "X-Chatwoot-Signature" in request.headers and self._secrets():
            check_signature(self._secrets(), request.headers, request.body)
            self._pin.set()
            return self.delivery(request, SOURCE)
        if self._pin.is_set():
            raise Unauthenticated("this address has shown signatures before and must go on")
        return self.delivery(request, HINT_SOURCE)


class Pin:
    """Whether an address is pinned to signatures; read from the database at most once a minute."""

    FRESH = timedelta(seconds=60)

    def __init__(self, read: Callable[[], bool], write: Callable[[], None]):
        self._read = read
        self._write = write
        self._known = False
        self._checked_at = 0.0

    def is_set(self) -> bool:
        if not self._known and time.monotonic() - self._checked_at > self.FRESH.total_seconds():
            self._known, self._checked_at = self._read(), time.monotonic()
        return self._known

    def set(self) -> None:
        if not self.is_set():
            self._write()
            self._known = True
