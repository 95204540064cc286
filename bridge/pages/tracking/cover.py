"""What of a delivered repair is under warranty, and until when, in the words of the page.

Whether it is covered is decided by `crm/warranties`; taking a claim is `page.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from crm.bookings import queries as bookings
from crm.catalog import queries as catalog
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus
from crm.warranties import queries, rules
from crm.warranties.models import WarrantyLine


@dataclass(frozen=True)
class Covered:
    """name: of the repair, as the catalogue has it. work_until, part_until: None where not covered."""

    slug: str
    name: str
    work_until: date | None
    part_until: date | None


@dataclass(frozen=True)
class Cover:
    """lines: covered today. ended_on: the last day there was, once nothing is covered any more."""

    lines: tuple[Covered, ...]
    ended_on: date | None


def of(uow: UnitOfWork, repair: Repair, zone: ZoneInfo) -> Cover | None:
    """None while the device is with the shop, and where nothing was warranted."""
    if repair.status != RepairStatus.DELIVERED:
        return None
    today = uow.now.astimezone(zone).date()
    original_id = queries.original_of(uow, repair.id)
    lines = queries.lines(uow, original_id)
    ends = [day for one in lines for day in (one.work_until, one.part_until) if day]
    if not ends:
        return None
    names = _names(uow, original_id)
    covered = tuple(_covered(one, names, today) for one in lines if queries.is_covered(one, today))
    return Cover(covered, None if covered else max(ends))


def _covered(line: WarrantyLine, names: dict[str, str], today: date) -> Covered:
    def left(day: date | None) -> date | None:
        return day if day and day >= today else None

    name = names.get(line.slug, line.slug)
    return Covered(line.slug, name, left(line.work_until), left(line.part_until))


def _names(uow: UnitOfWork, repair_id: int) -> dict[str, str]:
    category = bookings.category_of(uow, repair_id)
    types = catalog.repair_types(uow, category) if category else []
    return {rules.ANY_WORK: _("Repair")} | {one.slug: one.name for one in types}
