"""News of what customers answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class RatedLow(Event):
    """A customer is unhappy with a repair. rating: 1 or 2 of 5."""

    kind: ClassVar[str] = "survey.rated_low"
    subject_kind: ClassVar[str] = "repair"
    rating: int
    ticket_id: int


@dataclass(frozen=True)
class SurveyAnswered(Event):
    """A customer rated a repair, or changed the rating. rating: 1 to 5. via: `page` or `chatwoot`."""

    kind: ClassVar[str] = "survey.answered"
    subject_kind: ClassVar[str] = "repair"
    rating: int
    via: str
