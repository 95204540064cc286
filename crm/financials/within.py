"""What a report or a sheet looks at: a period, perhaps one location, perhaps one currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, select

from crm.bookings.models import BookedDevice, Booking
from crm.core.hours import day_span
from crm.expenses.models import Expense
from crm.invoices.models import Invoice
from crm.payments.models import LedgerEntry

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Within:
    """since, until: days of the zone, both inclusive; since None: from the first day on.

    location_id: of the booking a repair came by; what belongs to no such repair is left out.
    """

    since: date | None
    until: date
    zone: ZoneInfo
    location_id: int | None = None
    currency: str | None = None

    @property
    def ends(self) -> datetime:
        return day_span(self.until, self.zone).end

    def of_ledger(self) -> list[Condition]:
        return [*self._at(LedgerEntry.at), *self._of(LedgerEntry)]

    def of_invoices(self) -> list[Condition]:
        """Credit notes and receipts too: they are in the same table."""
        return [*self._at(Invoice.issued_at), *self._of(Invoice)]

    def of_expenses(self) -> list[Condition]:
        told = [Expense.spent_on <= self.until, *self._of(Expense)]
        return told if self.since is None else [Expense.spent_on >= self.since, *told]

    def until_its_end(self) -> list[Condition]:
        """The ledger from its first entry on: what is owed and held does not begin with a period."""
        return [LedgerEntry.at < self.ends, *self._of(LedgerEntry)]

    def _at(self, column: Any) -> list[Condition]:
        told = [column < self.ends]
        if self.since is None:
            return told
        return [column >= day_span(self.since, self.zone).start, *told]

    def _of(self, table: Any) -> list[Condition]:
        told = []
        if self.location_id is not None:
            told.append(table.repair_id.in_(_repairs_at(self.location_id)))
        if self.currency is not None:
            told.append(table.currency == self.currency)
        return told


def _repairs_at(location_id: int) -> Select:
    return (
        select(BookedDevice.repair_id)
        .join(Booking, Booking.id == BookedDevice.booking_id)
        .where(Booking.location_id == location_id, BookedDevice.repair_id.is_not(None))
    )
