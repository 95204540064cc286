"""Delays: told to the customer by staff, a shop system or the watch, each with a reason code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm.core.errors import Conflict, Invalid
from crm.core.events import Actor
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.promises import queries, rules
from crm.promises.events import RepairDelayed
from crm.promises.history import Forecast
from crm.promises.models import DelayAlert
from crm.promises.rules import DelayReason
from crm.repairs import service as repairs
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus

MOST_DAYS_AHEAD = 730


def tell(
    uow: UnitOfWork,
    address: Address,
    actor: Actor,
    zone: ZoneInfo,
    *,
    reason: DelayReason,
    new_on: date | None = None,
    note: str | None = None,
    is_automatic: bool = False,
) -> RepairEntry:
    """Tell the customer that the repair takes longer, and until when if that is known.

    zone: the shop's. note: the workshop's own words for the customer. Raises NotFound, Conflict
    (`no-promise`: nobody looks forward to a date of this repair), Invalid (`new_date` is not later
    than what was told, or too far off).
    """
    repair = repairs.find(uow, address)
    if not rules.is_promising(RepairStatus(repair.status), repair.flags):
        raise Conflict("this repair is completed, given up or at rest", code="no-promise")
    forecast = Forecast(uow, zone)
    promise = queries.told(uow, repair, zone, forecast)
    if new_on is not None:
        _check_date(forecast.calendar(repair).day(uow.now), repair.estimated_on, new_on)
    entry = repairs.note(
        uow,
        Address(ref=repair.ref),
        actor,
        outcome="delay",
        note=note,
        details={
            "reason": reason.value,
            "promised_on": promise.to_on.isoformat(),
            "estimated_on": new_on.isoformat() if new_on else None,
        },
    )
    _keep_told(uow, repair, promise.to_on, new_on or promise.to_on, reason, is_automatic)
    if new_on is not None:
        repair.estimated_on = new_on
    uow.record(RepairDelayed(repair.id, actor, entry.id, reason.value))
    return entry


def listed(
    uow: UnitOfWork,
    *,
    is_told: bool | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Promises that slipped, newest first. is_told: whether the customer knows."""
    query = select(DelayAlert)
    if is_told is not None:
        query = query.where(DelayAlert.told_at.is_not(None) == is_told)
    return page(uow.session, query, [DelayAlert.id], limit=limit, after=after)


def _check_date(today: date, told_on: date | None, new_on: date) -> None:
    problem = None
    if new_on < today:
        problem = "Must not be in the past."
    elif told_on is not None and new_on <= told_on:
        problem = f"Must be later than the day told before, {told_on.isoformat()}."
    elif (new_on - today).days > MOST_DAYS_AHEAD:
        problem = f"Must be within {MOST_DAYS_AHEAD} days."
    if problem:
        detail = f"the new day does not fit: {problem.rstrip('.').lower()}"
        raise Invalid(detail, errors={"new_date": [problem]})


def _keep_told(
    uow: UnitOfWork,
    repair: Repair,
    promised_on: date,
    expected_on: date,
    reason: DelayReason,
    is_automatic: bool,
) -> None:
    told = {
        "expected_on": expected_on,
        "reason": reason.value,
        "told_at": uow.now,
        "is_automatic": is_automatic,
    }
    row = {"repair_id": repair.id, "promised_on": promised_on, "created_at": uow.now}
    uow.session.execute(
        insert(DelayAlert)
        .values(row | told)
        .on_conflict_do_update(index_elements=["repair_id", "promised_on"], set_=told)
    )
