"""News about files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class FileEvent(Event):
    """repair_id, ticket_id: whose file it is; one of them is None."""

    subject_kind: ClassVar[str] = "file"
    repair_id: int | None
    ticket_id: int | None


@dataclass(frozen=True)
class FileAdded(FileEvent):
    kind: ClassVar[str] = "file.added"


@dataclass(frozen=True)
class FileReleased(FileEvent):
    """Shown on the tracking page from now on, or no longer."""

    kind: ClassVar[str] = "file.released"
    is_public: bool


@dataclass(frozen=True)
class FileRemoved(FileEvent):
    kind: ClassVar[str] = "file.removed"
    was_public: bool
