"""News about disputes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class DisputeEvent(Event):
    """repair_id: what the payment was for; None when it was for an invoice alone."""

    subject_kind: ClassVar[str] = "dispute"
    repair_id: int | None
    payment_id: int
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class DisputeOpened(DisputeEvent):
    """due_at: ISO 8601, or None when the bank takes no evidence."""

    kind: ClassVar[str] = "dispute.opened"
    reason: str
    due_at: str | None


@dataclass(frozen=True)
class DisputeClosed(DisputeEvent):
    """won: the money stays with the shop."""

    kind: ClassVar[str] = "dispute.closed"
    won: bool
