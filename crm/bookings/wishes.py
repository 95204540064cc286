"""What a booker wants done, checked against the catalogue and turned into bench work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from crm.bookings.models import BookedDevice
from crm.bookings.rules import DIAGNOSIS_MINUTES, MOST_DEVICES, Need
from crm.catalog import estimates
from crm.catalog import queries as catalog
from crm.catalog.models import Category, DeviceModel, Estimate, RepairType
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.locations.models import Location


@dataclass(frozen=True)
class Device:
    """A model, or a category while the model is not listed; or an estimate, which holds both and
    the price. name: as the booker calls it."""

    model: str | None = None
    category: str | None = None
    repair_types: tuple[str, ...] = ()
    estimate: str | None = None
    name: str = ""
    problem: str = ""


def booked(uow: UnitOfWork, devices: Sequence[Device]) -> list[BookedDevice]:
    """The devices as rows, without their booking.

    Raises Invalid naming the device (`0.model`), Conflict (`estimate-expired`).
    """
    if len(devices) > MOST_DEVICES:
        told = [f"At most {MOST_DEVICES} devices in one booking."]
        raise Invalid(told[0], errors={"devices": told}, code="too-many-devices")
    return [_booked(uow, number, device) for number, device in enumerate(devices)]


def need_of(devices: Sequence[BookedDevice], services: Sequence[dict[str, Any]]) -> Need:
    """Bench work for all of it, one device after the other."""
    work = sum(device.minutes for device in devices) or DIAGNOSIS_MINUTES
    extra = sum(service["minutes"] for service in services)
    return Need(work + extra, tuple(frozenset(device.classes) for device in devices))


def need_for(
    uow: UnitOfWork, *, repair_type: str | None, model: str | None, category: str | None
) -> Need:
    """Bench work for one device, as the slot search names it.

    Without model and category the longest repair of that name counts. Raises Invalid.
    """
    if model or category:
        types = (repair_type,) if repair_type else ()
        return need_of([_booked(uow, 0, Device(model, category, types))], [])
    if repair_type is None:
        return Need(DIAGNOSIS_MINUTES)
    longest = uow.session.scalar(
        select(func.max(RepairType.minutes)).where(
            RepairType.slug == repair_type, RepairType.retired_at.is_(None)
        )
    )
    if longest is None:
        told = ["No such repair type."]
        raise Invalid("no such repair type", errors={"repair_type": told})
    return Need(longest)


def chosen_services(location: Location, slugs: Sequence[str]) -> list[dict[str, Any]]:
    """The extra services of these slugs with the price they have now. Raises Invalid."""
    offered = {service["slug"]: service for service in location.services}
    unknown = sorted(set(slugs) - offered.keys())
    if unknown:
        told = f"{location.name} offers: {', '.join(sorted(offered)) or 'none'}."
        raise Invalid("unknown services", errors={"services": [told]})
    return [offered[slug] for slug in dict.fromkeys(slugs)]


def _booked(uow: UnitOfWork, number: int, device: Device) -> BookedDevice:
    price = None
    if device.estimate:
        found = _estimate(uow, number, device)
        price = found.total_minor
        device = Device(
            model=found.model,
            category=None if found.model else found.category,
            repair_types=tuple(found.request["repair_types"]),
            estimate=found.ref,
            name=device.name,
            problem=device.problem,
        )
    model, category = _look_up(uow, number, device)
    types = {one.slug: one for one in catalog.repair_types(uow, category.slug)}
    unknown = sorted(set(device.repair_types) - types.keys())
    if unknown:
        told = f"{category.slug} has: {', '.join(sorted(types))}."
        raise _fault(number, "repair_types", told)
    repair_types = list(dict.fromkeys(device.repair_types))
    return BookedDevice(
        position=number,
        category=category.slug,
        model=model.slug if model else None,
        name=f"{model.brand} {model.name}" if model else device.name or category.name,
        classes=sorted({category.slug, category.family}),
        repair_types=repair_types,
        minutes=sum(types[slug].minutes for slug in repair_types) or DIAGNOSIS_MINUTES,
        problem=device.problem,
        estimate_ref=device.estimate,
        price_minor=price,
    )


def _estimate(uow: UnitOfWork, number: int, device: Device) -> Estimate:
    if device.model or device.category or device.repair_types:
        told = "The estimate says the device and its repairs; leave those out."
        raise _fault(number, "estimate", told)
    try:
        found = estimates.by_ref(uow, device.estimate or "")
    except NotFound as error:
        raise _fault(number, "estimate", "No such estimate.") from error
    if found.expires_at <= uow.now:
        raise Conflict("the price of this estimate is no longer held", code="estimate-expired")
    return found


def _look_up(uow: UnitOfWork, number: int, device: Device) -> tuple[DeviceModel | None, Category]:
    if (device.model is None) == (device.category is None):
        raise _fault(number, "model", "Give this or category, or an estimate.")
    try:
        if device.category is not None:
            return None, catalog.category(uow, device.category)
        model = catalog.model(uow, device.model or "")
        return model, catalog.category(uow, model.category)
    except NotFound as error:
        field, told = (
            ("model", "No such model.") if device.model else ("category", "No such category.")
        )
        if device.model and uow.session.get(Category, device.model):
            told = "This is a category: name one of its models, or send it as category."
        raise _fault(number, field, told) from error


def _fault(number: int, field: str, told: str) -> Invalid:
    return Invalid(told, errors={"devices": {str(number): {field: [told]}}})
