"""The signature of Standard Webhooks, for those we receive and those we send.

HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, base64, prefix `v1,`; secrets are `whsec_` and
base64 (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
