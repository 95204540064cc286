"""Secret tokens: made here, shown once, kept as a hash."""

from __future__ import annotations

import base64
import hashlib
import secrets

_BYTES = 32


def make(prefix: str = "") -> tuple[str, str]:
    """(the token to show once, the hash to keep)."""
    token = prefix + secrets.token_urlsafe(_BYTES)
    return token, digest(token)


def digest(token: str) -> str:
    # Tokens are 256 random bits, so a plain fast hash cannot be searched; no salt is needed.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def webhook_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and the base64 of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode()
