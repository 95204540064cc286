"""Proves who sent a webhook and names the delivery (webhooks.md 3, 5; reliability.md 3, 4, 29).

Signed hooks show HMAC-SHA256 over `timestamp.body`; versions that do not sign use an address with
a secret token, and what arrives there is only a hint: it makes us fetch, never act.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from crm.core import strictjson
from crm.core.clock import from_unix
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received

WINDOW_SECONDS = 300
REPEAT_WINDOW_SECONDS = 60
MOST_MOMENT_DIGITS = 10  # unix seconds up to the year 2286
SOURCE, BOT_SOURCE, HINT_SOURCE = "chatwoot", "chatwoot-bot", "chatwoot-hint"


def check_signature(
    secrets: Sequence[str], headers: Any, body: bytes, *, at: float | None = None
) -> None:
    """Raises Unauthenticated unless one of the secrets signed this body within ±300 s."""
    sent_at = _sent_at(headers)
    if sent_at is None:
        raise Unauthenticated("missing timestamp")
    if abs((time.time() if at is None else at) - sent_at) > WINDOW_SECONDS:
        raise Unauthenticated("the timestamp is more than five minutes off")
    timestamp = headers["X-Chatwoot-Timestamp"]
    given = headers.get("X-Chatwoot-Signature", "").encode("utf-8", "replace")
    valid = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
        valid |= hmac.compare_digest(b"sha256=" + digest.hexdigest().encode(), given)
    if not valid:
        raise Unauthenticated("the signature does not match")


def _sent_at(headers: Any) -> int | None:
    """Unix seconds, None where a version tells no moment. Raises Unauthenticated for a broken one."""
    told = headers.get("X-Chatwoot-Timestamp")
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) <= MOST_MOMENT_DIGITS):
        raise Unauthenticated("broken timestamp")
    return int(told)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises BrokenBody."""
    value = strictjson.parse(body)
    if not isinstance(value, dict):
        raise BrokenBody("the body is not a JSON object")
    return value


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
    """The key by meaning and its window in seconds (reliability.md, rule 3).

    A conversation we fetched ourselves is told apart by its content: it may differ from what was
    fetched before under the same `updated_at`.
    """
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
        and event in ("conversation_updated", "conversation_status_changed")
    ):
        return f"{event}:{number}:{changed_at!r}", None
    return f"{event}:{hashlib.sha256(raw).hexdigest()}", REPEAT_WINDOW_SECONDS


class Hook:
    """One address Chatwoot posts to.

    secrets: asked at each request, so that a rotation needs no restart. handles: the event types
    that have a handler. mask: changes a body in place before it is stored and says whether it did.
    """

    def __init__(
        self,
        source: str,
        account_id: int,
        secrets: Callable[[], Sequence[str]],
        handles: Callable[[str], bool],
        mask: Callable[[dict[str, Any], bytes], bool],
    ):
        self._source = source
        self._account_id = account_id
        self._secrets = secrets
        self._handles = handles
        self._mask = mask

    def verify(self, request: Received) -> Delivery:
        """For a signed address. Raises Unauthenticated, BrokenBody."""
        secrets = self._secrets()
        if not secrets:
            raise Unauthenticated("no webhook secret is known yet: run provision")
        check_signature(secrets, request.headers, request.body)
        return self.delivery(request, self._source)

    def delivery(self, request: Received, source: str) -> Delivery:
        body, raw = parse(request.body), request.body
        if self._mask(body, raw):
            raw = json.dumps(body).encode()
        named = body.get("event")
        event = (
            named[:100]
            if isinstance(named, str) and named.isascii() and named.isprintable()
            else "unknown"
        )
        handled = self._handles(event)
        # By the bytes as they came: a masked body is sealed anew each time.
        meaning, window = meaning_of(event, body, request.body) if handled else (None, None)
        sent_at = _sent_at(request.headers)
        return Delivery(
            source=source,
            sender=str(self._account_id),
            type=event,
            subject=subject_of(self._account_id, event, body),
            # Without a delivery id only the meaning can stop a repeat.
            key=request.headers.get("X-Chatwoot-Delivery", "")[:100] or str(uuid.uuid4()),
            body=raw,
            meaning_key=meaning,
            window_seconds=window,
            occurred_at=None if sent_at is None else from_unix(sent_at),
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
        mask: Callable[[dict[str, Any], bytes], bool],
        pin: Pin,
    ):
        super().__init__(SOURCE, account_id, secrets, handles, mask)
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
        self._checked_at = -math.inf

    def is_set(self) -> bool:
        if not self._known and time.monotonic() - self._checked_at > self.FRESH.total_seconds():
            self._known, self._checked_at = self._read(), time.monotonic()
        return self._known

    def set(self) -> None:
        if not self.is_set():
            self._write()
            self._known = True
