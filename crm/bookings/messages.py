"""What customers are told about their bookings, and reminders that wait for their hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from crm.bookings import queries
from crm.bookings.events import (
    BookingCancelled,
    BookingCheckedIn,
    BookingConfirmed,
    BookingEvent,
    BookingMissed,
    BookingReceived,
    BookingReopened,
    BookingRescheduled,
)
from crm.bookings.models import Booking
from crm.bookings.rules import BookingStatus
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.models import Customer
from crm.locations.models import Location
from crm.notifications import service as notifications
from crm.notifications import texts

REMINDERS = (timedelta(hours=24), timedelta(hours=2))
# Who was told so lately needs no reminder.
FRESH = timedelta(hours=3)


class Messages:
    def __init__(self, shop: Shop):
        self._shop = shop

    def table(self) -> Reactions:
        return {
            BookingReceived: (self.received,),
            BookingReopened: (self.hush,),
            BookingConfirmed: (self.confirmed,),
            BookingRescheduled: (self.rescheduled,),
            BookingCancelled: (self.cancelled,),
            BookingMissed: (self.missed,),
            BookingCheckedIn: (self.hush,),
        }

    def received(self, uow: UnitOfWork, event: BookingReceived) -> None:
        self._tell(uow, event, "booking_received")

    def confirmed(self, uow: UnitOfWork, event: BookingConfirmed) -> None:
        self.hush(uow, event)
        self._tell(uow, event, "booking_confirmed")
        self._remind(uow, event)

    def rescheduled(self, uow: UnitOfWork, event: BookingRescheduled) -> None:
        """Of a booking that is not firm yet nobody was promised anything."""
        if self._booking(uow, event).status != BookingStatus.CONFIRMED:
            return
        self.hush(uow, event)
        self._tell(uow, event, "booking_rescheduled")
        self._remind(uow, event)

    def cancelled(self, uow: UnitOfWork, event: BookingCancelled) -> None:
        self.hush(uow, event)
        if event.was != BookingStatus.DRAFT:
            self._tell(uow, event, "booking_cancelled")

    def missed(self, uow: UnitOfWork, event: BookingMissed) -> None:
        """Nobody is blamed: a new time is offered."""
        self.hush(uow, event)
        self._tell(uow, event, "booking_missed")

    def hush(self, uow: UnitOfWork, event: BookingEvent) -> None:
        """What has not left yet is no longer true."""
        notifications.take_back_booking(uow, event.subject_id, f"overtaken by {event.kind}")

    def _remind(self, uow: UnitOfWork, event: BookingEvent) -> None:
        """Each is worth sending until the next takes over: after an outage there is one."""
        booking = self._booking(uow, event)
        for before, until in zip(REMINDERS, (*REMINDERS[1:], timedelta()), strict=True):
            wait = booking.starts_at - before - uow.now
            if wait > FRESH:
                name = f"reminder-{before // timedelta(hours=1)}h"
                ends_at = booking.starts_at - until
                self._compose(uow, event, "booking_reminder", name, wait, ends_at)

    def _tell(self, uow: UnitOfWork, event: BookingEvent, template: str) -> None:
        hold = self._shop.hold if event.actor.kind == "staff" else timedelta()
        self._compose(uow, event, template, template.removeprefix("booking_"), hold, None)

    def _compose(
        self,
        uow: UnitOfWork,
        event: BookingEvent,
        template: str,
        name: str,
        hold: timedelta,
        deadline_at: datetime | None,
    ) -> None:
        booking = self._booking(uow, event)
        customer = uow.session.get(Customer, booking.customer_id) if booking.customer_id else None
        spoken = customer.locale if customer else None
        locale = texts.closest(spoken, booking.locale, self._shop.locale)
        location = uow.session.get_one(Location, booking.location_id)
        values = {
            "ref": booking.ref,
            "shop": self._shop.name,
            "place": ", ".join(filter(None, (location.name, location.address))),
            "when": _spoken(booking.starts_at, location, locale),
            "short_when": _short(booking.starts_at, location, locale),
            "devices": [device.name for device in queries.devices(uow, booking.id)],
            "link": self._shop.links.booking(booking.id, booking.created_at),
            "book": f"{self._shop.links.public_url}/book",
        }
        notifications.compose(
            uow,
            f"booking:{booking.id}:{name}:{booking.sequence}",
            template,
            texts.render(locale, template, "chat", values),
            locale=locale,
            customer_id=booking.customer_id,
            repair_id=None,
            booking_id=booking.id,
            hold=hold,
            deadline_at=deadline_at,
            actor=event.actor,
            values=values,
        )

    def _booking(self, uow: UnitOfWork, event: BookingEvent) -> Booking:
        return uow.session.get_one(Booking, event.subject_id)


def _spoken(moment: datetime, location: Location, locale: str) -> str:
    """Weekday, date and time as the clock at the location shows them."""
    zone = ZoneInfo(location.timezone)
    pattern = "EEEE d MMMM y, HH:mm" if locale == "en" else "EEEE, d 'de' MMMM 'de' y, HH:mm"
    return format_datetime(moment, pattern, tzinfo=zone, locale=locale)


def _short(moment: datetime, location: Location, locale: str) -> str:
    """For text messages: Portuguese weekdays would not fit the alphabet that costs least."""
    zone = ZoneInfo(location.timezone)
    pattern = "EEE d MMM, HH:mm" if locale == "en" else "dd/MM, HH:mm"
    return format_datetime(moment, pattern, tzinfo=zone, locale=locale)
