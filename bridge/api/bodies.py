"""Bodies of messages as their reader may see them.

A collection code opens the counter, and a link of a customer's page acts as the customer: both are
masked for whoever could not get them otherwise. A code that no longer opens anything is not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from marshmallow import Schema

from bridge.auth import principal
from bridge.context import here
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus

MASK = "••••••"
# Where tokens stand in our addresses, and the permission that gets such a link elsewhere; None is held
# by nobody: signing in as the customer, or rating in their name, is no business of ours.
LINKS: dict[str, str | None] = {
    "track": "repairs.update",
    "r": "repairs.update",
    "files": "repairs.update",
    "files/get": "repairs.read",
    "sign": "agreements.request",
    "quote": "quotes.send",
    "pay": "payments.take",
    "invoices": "invoices.read",
    "book": "bookings.write",
    "api/v1/bookings": "bookings.write",
    "api/v1/bookings/feeds": "technicians.manage",
    "preferences": "customers.write",
    "survey": None,
    "me/sign-in": None,
    "admin/sign-in": None,
}
# Known by its shape, whatever stands before it: an address we had once opens the same pages. A parcel's
# number, at another's `/track/`, is shorter.
_LINK = re.compile(rf"/({'|'.join(map(re.escape, LINKS))})/(?:[\w-]+\.)?[\w-]{{27,}}")


def readable(words: str, repairs: Iterable[Repair]) -> str:
    """The words as whoever calls may read them. repairs: those it may tell the code of."""
    words = _LINK.sub(_link, words)
    if principal().may("repairs.hand_over"):
        return words
    for repair in repairs:
        if repair.status == RepairStatus.READY_PICKUP:
            for code in here().shop.links.collection_codes(repair.id, repair.status_at):
                words = words.replace(code, MASK)
    return words


def tracking_link(repair: Repair) -> str | None:
    """Of the customer's page, for whoever may have it."""
    if not may_have("track"):
        return None
    return here().shop.links.track(repair.id, repair.received_at)


def may_have(link: str) -> bool:
    """link: one of LINKS."""
    permission = LINKS[link]
    return permission is not None and principal().may(permission)


def shown(row: Any, schema: type[Schema], repairs: Iterable[Repair]) -> dict[str, Any]:
    """A row with a `body` as `schema` dumps it."""
    told = {name: getattr(row, name) for name in schema().fields}
    return told | {"body": readable(row.body, repairs)}


def _link(found: re.Match[str]) -> str:
    return found[0] if may_have(found[1]) else f"/{found[1]}/{MASK}"
