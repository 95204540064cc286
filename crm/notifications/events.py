"""News about messages to customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class NotificationComposed(Event):
    """A message is ready and looks for a channel."""

    kind: ClassVar[str] = "notification.composed"
    subject_kind: ClassVar[str] = "notification"


@dataclass(frozen=True)
class NotificationRefused(Event):
    """A channel would not take the message for good; the next one may try."""

    kind: ClassVar[str] = "notification.refused"
    subject_kind: ClassVar[str] = "notification"
