"""Where a device lies: the shelf or bench somebody scanned or typed.

Chatwoot and the customer are not told: a device moves many times a day.
"""

from __future__ import annotations

import unicodedata

from crm.core.errors import Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs import service
from crm.repairs.events import RepairPlaced
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.service import Address

LONGEST_PLACE = 40


def put(uow: UnitOfWork, address: Address, place: str, actor: Actor) -> Repair:
    """Note where the device is now; the same place again changes nothing.

    place: see `name`. Raises NotFound, Invalid.
    """
    place, repair = name(place), service.find(uow, address)
    if repair.place == place:
        return repair
    details = {"before": repair.place, "after": place}
    repair.place, repair.updated_at = place, uow.now
    entry = RepairEntry(
        repair_id=repair.id,
        outcome="place",
        actor_kind=actor.kind,
        actor_name=actor.name,
        details=details,
        occurred_at=uow.now,
        recorded_at=uow.now,
    )
    uow.session.add(entry)
    uow.session.flush()
    uow.record(RepairPlaced(repair.id, actor, entry.id))
    return repair


def name(typed: str) -> str:
    """A place as everybody writes it: one line, single blanks. Raises Invalid."""
    signs = "".join(
        sign
        for sign in unicodedata.normalize("NFC", typed)
        if sign.isspace() or unicodedata.category(sign)[0] != "C"
    )
    place = " ".join(signs.split())
    if not 0 < len(place) <= LONGEST_PLACE:
        sentence = f"Give 1 to {LONGEST_PLACE} characters."
        raise Invalid("this is no name of a place", errors={"place": [sentence]})
    return place
