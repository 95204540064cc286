"""News about quotes. subject_id: the quote's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class QuoteEvent(Event):
    subject_kind: ClassVar[str] = "quote"
    repair_id: int


@dataclass(frozen=True)
class QuoteSent(QuoteEvent):
    kind: ClassVar[str] = "quote.sent"
    version: int


@dataclass(frozen=True)
class QuoteApproved(QuoteEvent):
    kind: ClassVar[str] = "quote.approved"
    version: int
    total_minor: int
    deposit_minor: int
    currency: str
    via: str


@dataclass(frozen=True)
class QuoteDeclined(QuoteEvent):
    kind: ClassVar[str] = "quote.declined"
    version: int
    reason: str


@dataclass(frozen=True)
class QuoteWithdrawn(QuoteEvent):
    """It can no longer be approved: taken back, replaced by another, or expired."""

    kind: ClassVar[str] = "quote.withdrawn"
    version: int
    state: str


@dataclass(frozen=True)
class QuoteNudgeDue(QuoteEvent):
    """Nobody has answered. number: of the reminder, from 1."""

    kind: ClassVar[str] = "quote.nudge_due"
    number: int
