"""What other shop systems call the statuses: ready-made maps as data, and entries of a key's own.

A name is compared without case and blanks. It means one of our statuses, flags beside it, or both;
one without a status leaves the stage as it is. The flags a map names anywhere are its own to set
and clear; all others stay untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.staff.models import ApiKey
from crm.staff.roles import SHOP

DATA = Path(__file__).parent / "data" / "status_maps"
MOST_NAME = 100
MOST_ENTRIES = 100


@dataclass(frozen=True)
class Meaning:
    """status: None leaves the stage as it is. flags: those that hold from now on."""

    name: str
    status: RepairStatus | None
    flags: tuple[RepairFlag, ...] = ()


class UnknownStatus(Invalid):
    """known: the names that would have been understood."""

    def __init__(self, known: Sequence[str]):
        told = [f"Must be one of: {', '.join(known)}."]
        super().__init__("unknown status", errors={"status": told})


class StatusMap:
    """How one key speaks. Our own names are always understood."""

    def __init__(self, entries: Sequence[Meaning] = ()):
        self._meanings = {plain(status): Meaning(status, status) for status in RepairStatus}
        self._meanings |= {plain(one.name): one for one in entries}
        self.flags = frozenset(flag for one in entries for flag in one.flags)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self._meanings.values()]

    def read(self, name: str) -> Meaning:
        """Raises UnknownStatus."""
        found = self._meanings.get(plain(name))
        if found is None:
            raise UnknownStatus(self.names)
        return found

    def with_flags(self, present: Sequence[str], meaning: Meaning) -> list[RepairFlag]:
        """The flags of a repair after it was called this."""
        kept = {RepairFlag(flag) for flag in present} - self.flags
        return sorted(kept | set(meaning.flags))


def plain(name: str) -> str:
    return "".join(name.split()).casefold()


@cache
def ready_made() -> dict[str, tuple[Meaning, ...]]:
    """Name -> its entries, in the order of the file."""
    files = (yaml.safe_load(path.read_text("utf-8")) for path in sorted(DATA.glob("*.yaml")))
    return {told["name"]: _entries(told["statuses"]) for told in files}


def of_key(key: ApiKey) -> StatusMap:
    """A key without a map speaks our own names only."""
    told = key.status_map or {}
    shipped = ready_made().get(told.get("base") or "", ())
    return StatusMap([*shipped, *_entries(told.get("own", {}))])


def own_entries(key: ApiKey) -> tuple[str | None, tuple[Meaning, ...]]:
    """The ready-made map it builds upon, and what it says itself."""
    told = key.status_map or {}
    return told.get("base"), _entries(told.get("own", {}))


def key_by_id(uow: UnitOfWork, key_id: str) -> ApiKey:
    """Raises NotFound."""
    key = uow.session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("no such key")
    return key


def set_map(
    uow: UnitOfWork,
    actor: Actor,
    key_id: str,
    *,
    base: str | None,
    own: Sequence[Meaning] = (),
) -> ApiKey:
    """Replace the map of a shop key. base: a ready-made one; own entries come before it.

    Raises NotFound, Conflict (`not-a-shop-key`), Invalid (unknown base, two entries of one name,
    one that renames a status of ours).
    """
    key = key_by_id(uow, key_id)
    if key.role != SHOP:
        raise Conflict("only keys of role shop report statuses", code="not-a-shop-key")
    if base is not None and base not in ready_made():
        told = [f"Must be one of: {', '.join(ready_made())}."]
        raise Invalid("unknown map", errors={"base": told})
    _check(own)
    key.status_map = {
        "base": base,
        "own": {one.name: {"status": one.status, "flags": list(one.flags)} for one in own},
    }
    audit.write(uow, actor, "key.map", f"key/{key_id}", {"base": base, "entries": len(own)})
    return key


def _check(own: Sequence[Meaning]) -> None:
    faults: dict[str, Any] = {}
    if len(own) > MOST_ENTRIES:
        faults["statuses"] = [f"At most {MOST_ENTRIES} entries."]
    ours = {plain(status) for status in RepairStatus}
    seen: set[str] = set()
    for number, one in enumerate(own):
        name = plain(one.name)
        if not name or len(one.name) > MOST_NAME:
            faults[str(number)] = [f"Give 1 to {MOST_NAME} characters."]
        elif name in ours:
            faults[str(number)] = ["This is a status of ours; it means itself."]
        elif name in seen:
            faults[str(number)] = ["Stands twice, but for case and blanks."]
        seen.add(name)
    if faults:
        raise Invalid("the map does not fit", errors={"statuses": faults})


def _entries(told: Mapping[str, Mapping[str, Any]]) -> tuple[Meaning, ...]:
    return tuple(
        Meaning(
            name,
            RepairStatus(one["status"]) if one.get("status") else None,
            tuple(RepairFlag(flag) for flag in one.get("flags", ())),
        )
        for name, one in told.items()
    )
