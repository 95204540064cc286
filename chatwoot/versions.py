"""What differs between Chatwoot versions: the one place that compares version numbers.

From api.md 12, webhooks.md ("Present: …") and selfhost.md 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Capabilities:
    """keeps_content_attributes: own keys in a message's content_attributes survive.
    signs_webhooks, signs_bot_webhooks: deliveries carry a signature, the secret can be read.
    has_updated_at: conversations carry `updated_at`.
    names_webhooks: a webhook has a name.
    blocks_private_hosts: webhooks to private addresses are refused unless Chatwoot allows them.
    can_allow_private_hosts: SAFE_FETCH_ALLOW_PRIVATE_NETWORK lifts that.
    """

    keeps_content_attributes: bool
    signs_webhooks: bool
    signs_bot_webhooks: bool
    has_updated_at: bool
    names_webhooks: bool
    blocks_private_hosts: bool
    can_allow_private_hosts: bool


def parse(text: str) -> Version:
    """`4.14.0`, `v4.14.0-ce` -> (4, 14, 0). Raises ValueError for anything else."""
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\d])", text)
    if not found:
        raise ValueError("not a Chatwoot version")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def capabilities_of(version: Version) -> Capabilities:
    return Capabilities(
        keeps_content_attributes=version >= (4, 14, 0),
        signs_webhooks=version >= (4, 11, 2),
        signs_bot_webhooks=version >= (4, 13, 0),
        has_updated_at=version >= (4, 0, 2),
        names_webhooks=version >= (4, 14, 0),
        blocks_private_hosts=version >= (4, 14, 0),
        can_allow_private_hosts=version >= (4, 14, 1),
    )
