"""Standard Webhooks from shop systems: the sender's proof, and whether the body fits.

Several signatures may stand in the header, and a key has two valid secrets during rotation. The body
is checked here already, because a shop's programmer should see the wrong field in the answer, not in
a dead letter.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from typing import Any

from marshmallow import ValidationError

from bridge.integrations.shop.schemas import DATA
from bridge.integrations.standard import signature
from crm.core.errors import BrokenBody, Invalid, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received
from crm.core.strictjson import parse
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.repairs import status_maps
from crm.repairs.status_maps import StatusMap, UnknownStatus
from crm.staff import service as staff

SOURCE = "shop"
WINDOW_SECONDS = 300
MOST_KEY = 255


def check_signature(
    secrets: Sequence[str],
    message_id: str,
    timestamp: str,
    given: str,
    body: bytes,
    *,
    now: float | None = None,
) -> None:
    """secrets: `whsec_` and base64. now: unix seconds. Raises Unauthenticated."""
    if not 0 < len(message_id) <= MOST_KEY or not (
        message_id.isascii() and message_id.isprintable()
    ):
        raise Unauthenticated("missing or broken webhook-id")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Unauthenticated("missing or broken webhook-timestamp")
    if abs((time.time() if now is None else now) - int(timestamp)) > WINDOW_SECONDS:
        raise Unauthenticated("webhook-timestamp is more than five minutes off")
    signatures = [part.encode("utf-8", "replace") for part in given.split(" ")[:10]]
    valid = False
    for secret in secrets:
        wanted = signature(secret, message_id, timestamp, body).encode()
        for one in signatures:
            valid |= hmac.compare_digest(wanted, one)
    if not valid:
        raise Unauthenticated("no signature matches")


def read(body: bytes, statuses: StatusMap | None = None) -> tuple[str, dict[str, Any] | None]:
    """The event type and its checked data; None for a type we do not handle.

    statuses: how the sender's key speaks. `status` becomes ours (None: the stage stays), `meaning`
    holds all of what was said. Raises BrokenBody, Invalid (with the fields).
    """
    event = parse(body)
    if not isinstance(event, dict):
        raise BrokenBody("the body is not a JSON object")
    kind = event.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= 100 or not kind.isprintable():
        raise Invalid("the event has no type", errors={"type": ["Must be a short text."]})
    if kind not in DATA:
        return kind, None
    try:
        data = DATA[kind].load(event.get("data"))
        if "status" in data:
            data["meaning"] = (statuses or StatusMap()).read(data["status"])
            data["status"] = data["meaning"].status
    except ValidationError as error:
        raise Invalid("data does not fit", errors={"data": error.normalized_messages()}) from error
    except UnknownStatus as error:
        raise Invalid("data does not fit", errors={"data": error.errors}) from error
    return kind, data


class Hook:
    def __init__(self, units: Units, seal: Seal):
        self._units = units
        self._seal = seal

    def verify(self, request: Received) -> Delivery:
        """Raises Unauthenticated (also for an unknown or revoked key), BrokenBody, Invalid."""
        key_id = request.path_args["key_id"]
        if not key_id.isprintable():
            raise Unauthenticated("no such key")
        with self._units() as uow:
            secrets = staff.webhook_secrets(uow, self._seal, key_id)
            statuses = status_maps.of_key(status_maps.key_by_id(uow, key_id)) if secrets else None
        message_id = request.headers.get("webhook-id", "")
        check_signature(
            secrets,
            message_id,
            request.headers.get("webhook-timestamp", ""),
            request.headers.get("webhook-signature", ""),
            request.body,
        )
        kind, data = read(request.body, statuses)
        named = (data or {}).get("ref") or (data or {}).get("external_id") or message_id
        return Delivery(
            source=SOURCE,
            sender=key_id,
            type=kind,
            subject=f"repair:{key_id}:{named}",
            key=message_id,
            body=request.body,
            meaning_key=_meaning(kind, data),
            handled=data is not None,
            strict=True,
            request_id=request.request_id,
        )


def _meaning(kind: str, data: dict[str, Any] | None) -> str | None:
    """External id and version, where the shop counts versions (reliability.md, rule 3)."""
    if data is None or data.get("version") is None:
        return None
    status = data["meaning"].name if "meaning" in data else ""
    return f"{kind}:{data.get('ref') or data.get('external_id')}:{data['version']}:{status}"
