"""Secret calendar addresses, one a technician and one a location; only their hashes are kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crm.bookings import calendars, queries
from crm.core import audit
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.locations.models import Location
from crm.staff import tokens
from crm.staff.technician_models import Technician

DAYS_BACK = timedelta(days=30)


def open_feed(uow: UnitOfWork, actor: Actor, owner: Location | Technician) -> str:
    """The token of a new address; an earlier one is dead from now on."""
    token, owner.feed_hash = tokens.make()
    audit.write(uow, actor, "feed.open", _target(owner))
    return token


def close_feed(uow: UnitOfWork, actor: Actor, owner: Location | Technician) -> None:
    if owner.feed_hash is not None:
        owner.feed_hash = None
        audit.write(uow, actor, "feed.close", _target(owner))


def read(uow: UnitOfWork, shop: Shop, token: str) -> bytes:
    """The calendar behind an address. Raises NotFound."""
    hashed, since = tokens.digest(token), uow.now - DAYS_BACK
    location = uow.session.scalar(select(Location).where(Location.feed_hash == hashed))
    if location is not None:
        bookings = queries.diary(uow, since, location_id=location.id)
        return calendars.feed(uow, shop, f"{shop.name}: {location.name}", bookings)
    technician = uow.session.scalar(select(Technician).where(Technician.feed_hash == hashed))
    if technician is None:
        raise NotFound("no such calendar")
    bookings = queries.diary(uow, since, technician_id=technician.id)
    return calendars.feed(uow, shop, f"{shop.name}: {technician.name}", bookings)


def _target(owner: Location | Technician) -> str:
    return f"{'location' if isinstance(owner, Location) else 'technician'}/{owner.id}"
