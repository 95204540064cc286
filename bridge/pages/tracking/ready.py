"""The day a device should be ready, as an iCalendar entry of whole days."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select

from bridge.pages.tracking.progress import Expected
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, RepairEntry

PRODUCT = "-//Mendline//Tracking//EN"


def entry(uow: UnitOfWork, shop: Shop, repair: Repair, expected: Expected, summary: str) -> bytes:
    """One entry for ever: a later download replaces the earlier one (RFC 5545, 3.8.7.4).

    It stands on the last day of the range: by then the device is ready.
    """
    from icalendar import Calendar, Event  # large, and few ask for an entry

    entries = select(func.count()).where(RepairEntry.repair_id == repair.id)
    event = Event()
    event.add("uid", f"ready-{repair.ref}@{urlsplit(shop.links.public_url).hostname}")
    # Whatever moves the day leaves a line in the history, or passes with the time.
    event.add("sequence", uow.session.scalar(entries))
    event.add("dtstamp", uow.now)
    event.add("dtstart", expected.last_on)
    event.add("dtend", expected.last_on + timedelta(days=1))
    event.add("summary", f"{shop.name}: {summary}")
    event.add("url", shop.links.track(repair.id, repair.received_at))
    event.add("transp", "TRANSPARENT")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical()
