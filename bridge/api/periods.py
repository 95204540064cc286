"""A period in a query: days of the shop's calendar, both inclusive, either may be left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from marshmallow import fields

from bridge.api.fields import Strict
from bridge.context import here
from crm.core.errors import Invalid
from crm.core.hours import moment

EARLIEST, LATEST = date(2000, 1, 1), date(9000, 1, 1)


class Period(Strict):
    """Days of the shop's calendar, both inclusive."""

    since = fields.Date(data_key="from")
    until = fields.Date(data_key="to")


def checked(query: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """Both days as far as they were given. Raises Invalid by field."""
    since, until = query.get("since"), query.get("until")
    for name, day in (("from", since), ("to", until)):
        if day is not None and not EARLIEST <= day <= LATEST:
            raise _no_period(name, "Not a day of this trade.")
    if since and until and until < since:
        raise _no_period("to", "Must not end before it begins.")
    return since, until


def filled(query: Mapping[str, Any], today: date, usual_days: int) -> tuple[date, date]:
    """Both days: up to today, and the usual number of days, where they were left out."""
    since, until = checked(query)
    until = until or max(today, since or today)
    return since or max(EARLIEST, until - timedelta(days=usual_days - 1)), until


def begins(day: date) -> datetime:
    """The moment the day begins at the shop."""
    return moment(day, time(0), here().shop.timezone)


def ends(day: date) -> datetime:
    """The moment the day is over at the shop."""
    return begins(day + timedelta(days=1))


def _no_period(field: str, sentence: str) -> Invalid:
    return Invalid("period does not fit", errors={field: [sentence]})
