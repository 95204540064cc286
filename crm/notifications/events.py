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


@dataclass(frozen=True)
class NotificationSent(Event):
    """A channel took the message. channel: see `rules.CHANNELS`."""

    kind: ClassVar[str] = "notification.sent"
    subject_kind: ClassVar[str] = "notification"
    channel: str


@dataclass(frozen=True)
class NotificationFailed(Event):
    """No channel is left that could take the message, or nobody knows whether one did."""

    kind: ClassVar[str] = "notification.failed"
    subject_kind: ClassVar[str] = "notification"


@dataclass(frozen=True)
class NotificationSkipped(Event):
    """It was decided not to send the message."""

    kind: ClassVar[str] = "notification.skipped"
    subject_kind: ClassVar[str] = "notification"


@dataclass(frozen=True)
class PreferencesChanged(Event):
    """A customer wishes something else of our messages."""

    kind: ClassVar[str] = "preferences.changed"
    subject_kind: ClassVar[str] = "customer"
