"""Collection codes in messages: who may hand devices over reads them, everybody else sees them masked.

A code that no longer opens anything is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema

from bridge.auth import principal
from bridge.context import here
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus

MASK = "••••••"


def may_read() -> bool:
    return principal().may("repairs.hand_over")


def without(row: Any, schema: type[Schema], repairs: Iterable[Repair]) -> dict[str, Any]:
    """A row with a `body` as `schema` dumps it. repairs: those it may tell the code of."""
    shown = {name: getattr(row, name) for name in schema().fields}
    return shown | {"body": masked(row.body, repairs)}


def masked(words: str, repairs: Iterable[Repair]) -> str:
    for repair in repairs:
        if repair.status == RepairStatus.READY_PICKUP:
            for code in here().shop.links.collection_codes(repair.id, repair.status_at):
                words = words.replace(code, MASK)
    return words
