"""News about handing in and checklists; all of it is about a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class IntakeOpened(Event):
    kind: ClassVar[str] = "intake.opened"
    subject_kind: ClassVar[str] = "repair"
    device_class: str


@dataclass(frozen=True)
class IntakeRecorded(Event):
    """Somebody wrote the record, or wrote it anew."""

    kind: ClassVar[str] = "intake.recorded"
    subject_kind: ClassVar[str] = "repair"


@dataclass(frozen=True)
class ChecklistFinished(Event):
    """Every item of one stage is answered."""

    kind: ClassVar[str] = "checklist.finished"
    subject_kind: ClassVar[str] = "repair"
    stage: str


@dataclass(frozen=True)
class ChecklistWaived(Event):
    kind: ClassVar[str] = "checklist.waived"
    subject_kind: ClassVar[str] = "repair"
    stage: str
