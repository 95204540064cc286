"""Customers with several repairs in one conversation, and what their messages were bound to."""

from __future__ import annotations

from typing import Any

from crm.repairs import links
from tests import builders
from tests.builders import STAFF

MAC, PHONE = "MacBook Pro 14", "iPhone 13"


def bench(mendline, *devices: str, words: str = "Hello") -> tuple[int, list[str]]:
    """A conversation with linked repairs, all quiet: (number, refs)."""
    number = mendline.open_thread(words)
    refs, owner = [], mendline.one("SELECT max(customer_id) FROM conversations")
    ticket = mendline.one("SELECT max(ticket_id) FROM conversations")
    with mendline.units() as uow:
        for device in devices or (MAC, PHONE):
            repair = builders.repair(uow, owner, device=device)
            links.link(uow, repair, ticket, owner, STAFF)
            refs.append(repair.ref)
    mendline.settle()
    return number, refs


def says(mendline, number: int, words: str) -> None:
    mendline.writes(mendline.thread(number)["meta"]["sender"]["id"], words)
    mendline.settle()


def meant(mendline) -> list[tuple[str, Any, Any]]:
    """(words, repair, why) of every message of the customer."""
    return [tuple(row) for row in mendline.table(
        "SELECT body, details->>'repair', details->>'meant_by' FROM ticket_messages"
        " WHERE author_kind = 'customer' ORDER BY id")]  # fmt: skip
