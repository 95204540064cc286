"""The devices of a draft one by one, as a guest chooses them: each with its repairs, its condition
and the price that is held for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crm.bookings import drafts, queries, terms
from crm.bookings.models import BookedDevice, Booking
from crm.bookings.wishes import Device
from crm.catalog import estimates
from crm.catalog.estimates import OwnRepairs, Wish
from crm.catalog.models import Estimate
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork


@dataclass(frozen=True)
class Choice:
    """device: without its estimate. condition, is_urgent: see `catalog.estimates.Wish`.

    estimate: None while no repair is chosen, since an examination has no price yet.
    """

    device: Device
    condition: str | None = None
    is_urgent: bool = False
    estimate: Estimate | None = None


def of(uow: UnitOfWork, booking: Booking) -> list[Choice]:
    """In the order in which they were chosen."""
    return [_choice(uow, row) for row in queries.devices(uow, booking.id)]


def add(uow: UnitOfWork, booking: Booking, device: Device, own: OwnRepairs) -> int:
    """Add a device and return its place. own: see `estimates.make`.

    Raises Invalid (unknown model or category, too many devices), Conflict (`booking-<status>`).
    """
    before = of(uow, booking)
    _save(uow, booking, [*before, Choice(device, is_urgent=_is_urgent(before))], own)
    return len(before)


def swap(uow: UnitOfWork, booking: Booking, place: int, device: Device, own: OwnRepairs) -> None:
    """Another device in this place; its repairs have to be chosen again. Raises as `add`."""
    before = of(uow, booking)
    _at(before, place)
    before[place] = Choice(device, is_urgent=_is_urgent(before))
    _save(uow, booking, before, own)


def remove(uow: UnitOfWork, booking: Booking, place: int, own: OwnRepairs) -> None:
    """Raises NotFound, Conflict (`booking-<status>`)."""
    before = of(uow, booking)
    _at(before, place)
    _save(uow, booking, before[:place] + before[place + 1 :], own)


def set_repairs(
    uow: UnitOfWork,
    booking: Booking,
    place: int,
    repair_types: tuple[str, ...],
    problem: str,
    own: OwnRepairs,
) -> None:
    """What to repair; nothing means that it is examined first.

    Raises NotFound, Invalid (a repair that is not offered), Conflict (`booking-<status>`).
    """
    before = of(uow, booking)
    choice = _at(before, place)
    device = replace(choice.device, repair_types=repair_types, problem=problem)
    before[place] = replace(choice, device=device)
    _save(uow, booking, before, own)


def set_terms(
    uow: UnitOfWork,
    booking: Booking,
    conditions: Mapping[int, str],
    is_urgent: bool,
    own: OwnRepairs,
) -> None:
    """conditions: place -> condition. Raises Conflict (`booking-<status>`)."""
    after = [
        replace(choice, condition=conditions.get(place, choice.condition), is_urgent=is_urgent)
        for place, choice in enumerate(of(uow, booking))
    ]
    _save(uow, booking, after, own)


def renew_prices(uow: UnitOfWork, booking: Booking, own: OwnRepairs) -> bool:
    """Work out again what is no longer held. Returns whether there was anything to renew."""
    before = of(uow, booking)
    lapsed = any(one.estimate and one.estimate.expires_at <= uow.now for one in before)
    if lapsed:
        _save(uow, booking, before, own)
    return lapsed


def _save(uow: UnitOfWork, booking: Booking, after: list[Choice], own: OwnRepairs) -> None:
    drafts.change(uow, booking, {"devices": [_priced(uow, choice, own) for choice in after]})


def _priced(uow: UnitOfWork, choice: Choice, own: OwnRepairs) -> Device:
    """The device with a price: the one held already while it is of the same wish."""
    device = choice.device
    if not device.repair_types:
        told = terms.noted(device.problem, choice.condition, choice.is_urgent)
        return replace(device, problem=told)
    wish = Wish(
        repair_types=device.repair_types,
        model=device.model,
        category=device.category,
        condition=choice.condition,
        is_urgent=choice.is_urgent,
    )
    held = choice.estimate
    if held is None or held.expires_at <= uow.now or _wish(held) != wish:
        held = estimates.make(uow, wish, own)
    return Device(estimate=held.ref, name=device.name, problem=device.problem)


def _choice(uow: UnitOfWork, row: BookedDevice) -> Choice:
    held = estimates.by_ref(uow, row.estimate_ref) if row.estimate_ref else None
    if held:
        wish = _wish(held)
        problem, condition, is_urgent = row.problem, wish.condition, wish.is_urgent
    else:
        problem, condition, is_urgent = terms.read(row.problem)
    device = Device(
        model=row.model,
        category=None if row.model else row.category,
        repair_types=tuple(row.repair_types),
        name=row.name,
        problem=problem,
    )
    return Choice(device, condition, is_urgent, held)


def _wish(held: Estimate) -> Wish:
    return Wish(**{**held.request, "repair_types": tuple(held.request["repair_types"])})


def _at(choices: list[Choice], place: int) -> Choice:
    if not 0 <= place < len(choices):
        raise NotFound("no such device in this booking")
    return choices[place]


def _is_urgent(choices: list[Choice]) -> bool:
    return any(choice.is_urgent for choice in choices)
