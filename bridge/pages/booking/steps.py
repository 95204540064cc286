"""The steps of booking: which ones a draft needs, in which order, and where a guest goes on.

Whether an answer is good is decided by `crm/bookings`; here only who is asked what, and when.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from crm.bookings import choices
from crm.bookings.choices import Choice
from crm.bookings.models import Booking
from crm.catalog import estimates, rules_data
from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location

TITLES: dict[str, LazyString] = {
    "device": _("Which device is it?"),
    "repairs": _("What is wrong with it?"),
    "condition": _("In which state is it?"),
    "place": _("How do we get it?"),
    "time": _("When does it suit you?"),
    "contact": _("How do we reach you?"),
}


@dataclass(frozen=True)
class Way:
    """steps: those this draft needs. name: the one shown now."""

    steps: tuple[str, ...]
    name: str

    @property
    def number(self) -> int:
        return self.steps.index(self.name) + 1

    @property
    def count(self) -> int:
        return len(self.steps)

    @property
    def before(self) -> str | None:
        return self.steps[self.number - 2] if self.number > 1 else None

    @property
    def after(self) -> str | None:
        return self.steps[self.number] if self.number < self.count else None

    @property
    def title(self) -> LazyString:
        return TITLES[self.name]


def way(uow: UnitOfWork, booking: Booking | None, name: str) -> Way:
    """A step with nothing to choose is left out, unless it is the one asked for."""
    left_out = set()
    if not _has_terms(uow):
        left_out.add("condition")
    if not _has_places(uow, booking):
        left_out.add("place")
    return Way(tuple(step for step in TITLES if step == name or step not in left_out), name)


def first_open(uow: UnitOfWork, booking: Booking) -> tuple[str, dict[str, int]]:
    """(step, values of its address) where somebody who opens the link goes on."""
    made = choices.of(uow, booking)
    if not made:
        return "device", {}
    for place, choice in enumerate(made):
        if not _is_told(choice):
            return "repairs", {"device": place}
    if booking.starts_at is None or booking.starts_at <= uow.now:
        return ("place" if _has_places(uow, booking) else "time"), {}
    return "contact", {}


def _is_told(choice: Choice) -> bool:
    return bool(choice.device.repair_types or choice.device.problem)


def _has_terms(uow: UnitOfWork) -> bool:
    """Whether any rule in force asks for the condition or the hurry."""
    try:
        rules = rules_data.parse(estimates.rules_in_force(uow).rules)
    except Conflict:
        return False
    return any(one.condition is not None or one.is_urgent is not None for one in rules.factors)


def _has_places(uow: UnitOfWork, booking: Booking | None) -> bool:
    offered = locations.active(uow)
    if len(offered) != 1:
        return True
    place = uow.session.get_one(Location, booking.location_id) if booking else offered[0]
    return set(place.ways) != {"shop"} or bool(place.services)
