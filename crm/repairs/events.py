"""News about repairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class RepairEvent(Event):
    subject_kind: ClassVar[str] = "repair"
    is_live: ClassVar[bool] = True


@dataclass(frozen=True)
class RepairCreated(RepairEvent):
    kind: ClassVar[str] = "repair.created"
    entry_id: int
    by_staff: bool


@dataclass(frozen=True)
class RepairStatusChanged(RepairEvent):
    """The repair moved forward. by_staff: a person did it, so the message waits and may be undone."""

    kind: ClassVar[str] = "repair.status_changed"
    entry_id: int
    before: str
    after: str
    by_staff: bool


@dataclass(frozen=True)
class RepairCorrected(RepairEvent):
    """Staff took the repair back to an earlier status; customers are not told."""

    kind: ClassVar[str] = "repair.corrected"
    entry_id: int
    before: str
    after: str


@dataclass(frozen=True)
class RepairNoted(RepairEvent):
    """Something for staff: a note, an estimate, a part, a flag."""

    kind: ClassVar[str] = "repair.noted"
    entry_id: int


@dataclass(frozen=True)
class RepairPlaced(RepairEvent):
    """The device lies somewhere else; nobody outside the workshop is told."""

    kind: ClassVar[str] = "repair.placed"
    entry_id: int


@dataclass(frozen=True)
class RepairPicturesChanged(RepairEvent):
    """A picture was released to the tracking page, or taken back from it."""

    kind: ClassVar[str] = "repair.pictures_changed"


@dataclass(frozen=True)
class RepairLinked(RepairEvent):
    """A repair became part of a ticket, and with it of the ticket's conversations."""

    kind: ClassVar[str] = "repair.linked"
    ticket_id: int


@dataclass(frozen=True)
class RepairUnlinked(RepairEvent):
    kind: ClassVar[str] = "repair.unlinked"
    ticket_id: int
