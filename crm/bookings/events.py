"""News about bookings; together they are a booking's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class BookingEvent(Event):
    subject_kind: ClassVar[str] = "booking"


@dataclass(frozen=True)
class BookingDrafted(BookingEvent):
    kind: ClassVar[str] = "booking.drafted"


@dataclass(frozen=True)
class BookingReceived(BookingEvent):
    """A slot is held and waits for the guest's proof or for staff. Moments are ISO 8601."""

    kind: ClassVar[str] = "booking.received"
    starts_at: str


@dataclass(frozen=True)
class BookingReopened(BookingEvent):
    """The guest changes it once more: it is a draft again, and its slot is free."""

    kind: ClassVar[str] = "booking.reopened"


@dataclass(frozen=True)
class BookingConfirmed(BookingEvent):
    """The slot is firm. proof: `email`, `phone` or `staff`."""

    kind: ClassVar[str] = "booking.confirmed"
    starts_at: str
    proof: str


@dataclass(frozen=True)
class BookingRescheduled(BookingEvent):
    kind: ClassVar[str] = "booking.rescheduled"
    before: str
    starts_at: str


@dataclass(frozen=True)
class BookingCancelled(BookingEvent):
    """was: the status it had. A draft that is given up had no slot."""

    kind: ClassVar[str] = "booking.cancelled"
    was: str
    reason: str


@dataclass(frozen=True)
class BookingMissed(BookingEvent):
    """Nobody came."""

    kind: ClassVar[str] = "booking.no_show"


@dataclass(frozen=True)
class BookingCheckedIn(BookingEvent):
    """The devices are here; each one becomes a repair."""

    kind: ClassVar[str] = "booking.checked_in"
