"""Chatwoot's website widget: what a page needs to load it, and the proof of who is looking.

The SDK and its identity check are described in Chatwoot's own contract: `identifier_hash` is the
hex HMAC-SHA256 of the identifier under the inbox's token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = {"localhost", "127.0.0.1"}


@dataclass(frozen=True)
class Widget:
    """url: Chatwoot's address. website_token: public, names the inbox. hmac_token: the inbox's."""

    url: str
    website_token: str
    hmac_token: str | None = field(repr=False)

    @property
    def origin(self) -> str:
        """What a content security policy must allow."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def identity_hash(self, identifier: str) -> str | None:
        """None while the inbox's token is not known: then nobody is introduced."""
        if not self.hmac_token:
            return None
        key, message = self.hmac_token.encode(), identifier.encode()
        return hmac.new(key, message, hashlib.sha256).hexdigest()


def beside(url: str, host: str) -> str:
    """The address `url` as a page at `host` (with or without a port) should use it.

    A browser takes localhost and 127.0.0.1 for two sites and may deny a frame of the other site
    its storage, so a Chatwoot on this machine is called by the page's own name for it.
    """
    parts, page = urlsplit(url), host.partition(":")[0]
    if parts.hostname not in LOOPBACK or page not in LOOPBACK:
        return url
    return parts._replace(netloc=f"{page}:{parts.port}" if parts.port else page).geturl()


def current(
    url: str | None,
    website_token: str | None,
    hmac_token: str | None,
    learned: Callable[[], Mapping[str, Any]],
) -> Widget | None:
    """What the environment tells wins over what `provision` learned; None while it is off."""
    if url is None:
        return None
    known = learned()
    token = website_token or known.get("website_token")
    if not token:
        return None
    # A token of another inbox than the one provisioned has no learned key that fits it.
    is_learned_inbox = website_token in (None, known.get("website_token"))
    key = hmac_token or (known.get("hmac_token") if is_learned_inbox else None)
    return Widget(url, token, key)
