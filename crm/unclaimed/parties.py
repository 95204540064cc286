"""Who writes to whom about a device: the shop, and the customer as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from crm.bookings.models import BookedDevice, Booking
from crm.core.errors import Conflict
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.invoices import company
from crm.locations import queries as locations
from crm.repairs.models import Repair


@dataclass(frozen=True)
class Parties:
    """sender, recipient: lines, the name first; a recipient's address may have to be added by hand."""

    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    device: str
    ref: str
    ready_on: date


def of(uow: UnitOfWork, shop: Shop, repair: Repair) -> Parties:
    """Raises Conflict (`shop-address-missing`): a letter must say where the device is."""
    ready_on = repair.status_at.astimezone(shop.timezone).date()
    return Parties(_sender(uow, shop), _recipient(uow, repair), repair.device, repair.ref, ready_on)


def _sender(uow: UnitOfWork, shop: Shop) -> tuple[str, ...]:
    facts = company.seller(uow, shop).facts
    if facts.address:
        return facts.legal_name, *facts.address
    places = locations.active(uow)
    if len(places) == 1 and places[0].address.strip():
        return facts.legal_name, *places[0].address.splitlines()
    raise Conflict("store the company's address first", code="shop-address-missing")


def _recipient(uow: UnitOfWork, repair: Repair) -> tuple[str, ...]:
    customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
    booked = uow.session.scalars(
        select(Booking)
        .join(BookedDevice, BookedDevice.booking_id == Booking.id)
        .where(BookedDevice.repair_id == repair.id)
    ).first()
    name = customer.name if customer else ""
    address = booked.hand_over.get("address", "") if booked else ""
    return tuple(line for line in (name, *address.splitlines()) if line.strip())
