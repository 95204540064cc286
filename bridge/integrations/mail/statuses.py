"""Which enhanced status codes (RFC 3463, 5248 and 7505) say that an address takes no mail at all.

The others are about the message (5.3.4, 5.6.x), a policy or a suspicion (5.7.x), a full mailbox
(5.2.2) or the account of whoever sends (5.7.13): the next message may fare better.
"""

from __future__ import annotations

import re

FORM = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_FOR_GOOD = {
    "5.1.1": "no such mailbox",
    "5.1.2": "no such domain",
    "5.1.3": "not an address",
    "5.1.6": "moved, nobody knows where to",
    "5.1.10": "nobody takes mail there",
    "5.2.1": "the mailbox is switched off",
    "5.4.4": "the domain has no mail server",
}


def fault_of_address(status: str) -> str | None:
    """status: such as `5.1.1`, or empty. None when it speaks of anything but the address."""
    fault = _FOR_GOOD.get(status)
    return f"{fault} ({status})" if fault else None
