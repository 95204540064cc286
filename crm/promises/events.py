"""News about promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.repairs.events import RepairEvent


@dataclass(frozen=True)
class RepairDelayed(RepairEvent):
    """A repair takes longer than was told; its history entry says why and until when."""

    kind: ClassVar[str] = "repair.delayed"
    entry_id: int
    reason: str


@dataclass(frozen=True)
class PromiseAtRisk(RepairEvent):
    """The day a customer looks forward to will be missed: news for staff."""

    kind: ClassVar[str] = "repair.promise_at_risk"
    alert_id: int
