"""Proves who sent a webhook of Stripe's and names the delivery (reliability.md, rules 3, 9 and 30).

What is stored of an event is a hint: which object to fetch. The object itself, with the customer's
name and card, is left out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from crm.core import strictjson
from crm.core.clock import from_unix
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received

SOURCE = "stripe"
PATH = "/webhooks/stripe"
WINDOW_SECONDS = 300
MOST_MOMENT_DIGITS = 10
MOST_SIGNATURES = 10
OWN = "own"  # the sender, where Stripe names no connected account
# News that comes again for one object while its content moves on: a second refund of a charge, say.
REPEATING = {
    "charge.dispute.updated",
    "charge.refunded",
    "charge.updated",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "refund.failed",
    "refund.updated",
}
_ID = re.compile(r"[A-Za-z0-9_]{1,200}")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")


def check_signature(
    secrets: Sequence[str], header: str, body: bytes, *, at: float | None = None
) -> None:
    """Raises Unauthenticated unless one of the secrets signed this body within ±300 s.

    header: `t=<unix seconds>,v1=<hex>`, several `v1` while Stripe rolls a secret.
    """
    pairs = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(moments) != 1 or not 1 <= len(given) <= MOST_SIGNATURES:
        raise Unauthenticated("missing or broken signature")
    (moment,) = moments
    if not (moment.isascii() and moment.isdigit() and len(moment) <= MOST_MOMENT_DIGITS):
        raise Unauthenticated("broken timestamp")
    if abs((time.time() if at is None else at) - int(moment)) > WINDOW_SECONDS:
        raise Unauthenticated("the timestamp is more than five minutes off")
    valid = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
        for one in given:
            valid |= hmac.compare_digest(
                digest.hexdigest().encode(), one.encode("utf-8", "replace")
            )
    if not valid:
        raise Unauthenticated("the signature does not match")


class Hook:
    """The address Stripe posts to. handles: the event types that have a handler."""

    def __init__(self, secrets: Sequence[str], handles: Callable[[str], bool]):
        self._secrets = secrets
        self._handles = handles

    def verify(self, request: Received) -> Delivery:
        """Raises Unauthenticated, BrokenBody."""
        if not self._secrets:
            raise Unauthenticated("STRIPE_WEBHOOK_SECRET is not set")
        header = request.headers.get("Stripe-Signature", "")
        check_signature(self._secrets, header, request.body)
        event = strictjson.parse(request.body)
        return delivery(event, self._handles, request_id=request.request_id)


def delivery(
    event: Any, handles: Callable[[str], bool], *, request_id: str | None = None
) -> Delivery:
    """The delivery of an event, posted to us or read back. Raises BrokenBody."""
    if not isinstance(event, dict):
        raise BrokenBody("the body is not a JSON object")
    key, kind = event.get("id"), event.get("type")
    if not (isinstance(key, str) and _ID.fullmatch(key)):
        raise BrokenBody("the event has no id")
    if not (isinstance(kind, str) and _TYPE.fullmatch(kind)):
        raise BrokenBody("the event has no type")
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    about = about if isinstance(about, dict) else {}
    object_id = about.get("id")
    named = isinstance(object_id, str) and _ID.fullmatch(object_id) is not None
    handled = named and handles(kind)
    account = event.get("account")
    created = event.get("created")
    hint = {
        "id": key,
        "type": kind,
        "object": object_id if named else None,
        "livemode": event.get("livemode") is True,
        "account": account if isinstance(account, str) else None,
    }
    return Delivery(
        source=SOURCE,
        sender=account[:100] if isinstance(account, str) and account else OWN,
        type=kind,
        subject=f"{SOURCE}:{object_id if named else key}",
        key=key,
        body=json.dumps(hint).encode(),
        meaning_key=_meaning(kind, about) if handled else None,
        occurred_at=_moment(created),
        handled=handled,
        request_id=request_id,
    )


def _meaning(kind: str, about: dict[str, Any]) -> str:
    """Object and kind (rule 3), and the content where both come again with another one."""
    key = f"{about['id']}:{kind}"
    if kind in REPEATING:
        content = json.dumps(about, sort_keys=True).encode()
        key += f":{hashlib.sha256(content).hexdigest()[:32]}"
    return key


def _moment(created: Any) -> Any:
    if type(created) is not int:
        return None
    try:
        return from_unix(created)
    except ValueError:
        return None
