"""Commands on repairs. Shop webhooks, the API, note commands and labels all end here.

How one comes into being is in `opening.py`. What holds a move up is asked of `gates.py`; which
tickets a repair belongs to is left to `links.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select

from crm.core import refs
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs import gates, history, rules
from crm.repairs.events import (
    RepairCorrected,
    RepairNoted,
    RepairStatusChanged,
)
from crm.repairs.models import REF_PREFIX, Repair, RepairEntry
from crm.repairs.rules import Outcome
from crm.repairs.statuses import RepairFlag, RepairStatus


@dataclass(frozen=True)
class StatusNews:
    """A status as somebody reports it.

    version: the sender's counter; an older or equal one changes nothing. occurred_at: None is now.
    note: for the customer. internal_note, reason: for staff. by_staff: a person, not a system.
    """

    status: RepairStatus
    by_staff: bool
    version: int | None = None
    occurred_at: datetime | None = None
    note: str | None = None
    internal_note: str | None = None
    reason: str | None = None
    technician: str | None = None
    estimated_on: date | None = None


@dataclass(frozen=True)
class Address:
    """How a sender names a repair: our ref, or its own id under its own key.

    owner_key: limits the look-up to one shop system: its own repairs and, by ref, those that staff
    took in; None for staff.
    """

    ref: str | None = None
    external_id: str | None = None
    owner_key: str | None = None


@dataclass(frozen=True)
class Reported:
    repair: Repair
    outcome: Outcome
    entry: RepairEntry = field(repr=False)


def find(uow: UnitOfWork, address: Address) -> Repair:
    """The repair, locked. Raises NotFound, also for a repair of another shop system's key."""
    query = select(Repair).with_for_update()
    if address.ref is not None:
        query = query.where(Repair.ref == (refs.read(REF_PREFIX, address.ref) or ""))
        if address.owner_key is not None:
            query = query.where(
                or_(Repair.owner_key == address.owner_key, Repair.owner_key.is_(None))
            )
    else:
        query = query.where(
            Repair.owner_key == address.owner_key, Repair.external_id == address.external_id
        )
    repair = uow.session.scalars(query).first()
    if repair is None:
        raise NotFound("no such repair")
    return repair


def change_status(uow: UnitOfWork, address: Address, news: StatusNews, actor: Actor) -> Reported:
    """Take in a reported status; late and repeated news goes to the history and informs nobody.

    Raises NotFound, Conflict (`reason-needed` when staff go back without saying why,
    `checklist-incomplete` when they go on without the answers of an opened checklist,
    `proof-of-collection-needed` or `loan-open` when they hand over).
    Source: shop event repair.status_changed; reliability.md, rule 7.
    """
    repair = find(uow, address)
    if news.occurred_at:
        news = replace(news, occurred_at=history.past(uow, news.occurred_at))
    before = RepairStatus(repair.status)
    standing = rules.Standing(before, repair.external_version, repair.status_occurred_at)
    outcome = rules.judge(
        standing,
        news.status,
        version=news.version,
        occurred_at=news.occurred_at,
        by_staff=news.by_staff,
        reason=news.reason,
    )
    if outcome is Outcome.MOVED and news.by_staff:
        gates.need_open(uow, repair, news.status)
    entry = history.write(
        uow, repair, outcome, actor, from_status=before, to_status=news.status, note=news.note,
        internal_note=news.internal_note, reason=news.reason, version=news.version,
        occurred_at=news.occurred_at,
        # Who had it until now: the step that ends here is theirs.
        details={"technician": repair.technician or news.technician},
    )  # fmt: skip
    promised_before = repair.estimated_on
    if outcome is not Outcome.LATE:
        _note_progress(uow, repair, news)
    if outcome in (Outcome.MOVED, Outcome.CORRECTED):
        repair.status, repair.status_at = news.status, uow.now
        repair.status_occurred_at = news.occurred_at or uow.now
    if outcome is Outcome.MOVED:
        uow.record(
            RepairStatusChanged(repair.id, actor, entry.id, before, news.status, news.by_staff)
        )
        if not news.by_staff:
            _note_skipped(uow, repair, before, actor)
    elif outcome is Outcome.CORRECTED:
        uow.record(RepairCorrected(repair.id, actor, entry.id, before, news.status))
    elif repair.estimated_on != promised_before:
        uow.record(RepairNoted(repair.id, actor, entry.id))
    return Reported(repair, outcome, entry)


def note(
    uow: UnitOfWork,
    address: Address,
    actor: Actor,
    *,
    outcome: str,
    note: str | None = None,
    internal_note: str | None = None,
    occurred_at: datetime | None = None,
    details: dict[str, Any] | None = None,
    flags: Collection[RepairFlag] | None = None,
) -> RepairEntry:
    """Write something into the history that is no status. outcome: see `RepairEntry`.

    flags: those that hold from now on, where it changes them.
    """
    repair = find(uow, address)
    if flags is not None:
        repair.flags = sorted(set(flags))
    entry = history.write(
        uow, repair, outcome, actor, note=note, internal_note=internal_note,
        occurred_at=occurred_at, details=details,
    )  # fmt: skip
    uow.record(RepairNoted(repair.id, actor, entry.id))
    return entry


def change_estimate(
    uow: UnitOfWork,
    address: Address,
    actor: Actor,
    *,
    estimated_on: date | None,
    estimate_minor: int | None,
    note: str | None = None,
    occurred_at: datetime | None = None,
) -> RepairEntry:
    repair = find(uow, address)
    if estimated_on is not None:
        repair.estimated_on = estimated_on
    if estimate_minor is not None:
        repair.estimate_minor = estimate_minor
    details = {
        "estimated_on": estimated_on.isoformat() if estimated_on else None,
        "estimate_minor": estimate_minor,
    }
    entry = history.write(
        uow, repair, "estimate", actor, note=note, occurred_at=occurred_at, details=details
    )
    uow.record(RepairNoted(repair.id, actor, entry.id))
    return entry


def set_flags(uow: UnitOfWork, address: Address, flags: list[RepairFlag], actor: Actor) -> Repair:
    repair = find(uow, address)
    wanted = sorted(set(flags))
    if wanted != repair.flags:
        entry = history.write(
            uow, repair, "flags", actor, details={"before": repair.flags, "after": wanted}
        )
        repair.flags = wanted
        uow.record(RepairNoted(repair.id, actor, entry.id))
    return repair


def _note_skipped(uow: UnitOfWork, repair: Repair, before: RepairStatus, actor: Actor) -> None:
    """A report is a fact; what was passed over is told to staff, once."""
    for one in gates.skipped(uow, repair, before):
        entry = history.write(
            uow, repair, one.outcome, actor, internal_note=one.told, details=dict(one.details)
        )
        uow.record(RepairNoted(repair.id, actor, entry.id))


def _note_progress(uow: UnitOfWork, repair: Repair, news: StatusNews) -> None:
    if news.version is not None:
        repair.external_version = max(news.version, repair.external_version or news.version)
    if news.technician is not None:
        repair.technician = news.technician
    if news.estimated_on is not None:
        repair.estimated_on = news.estimated_on
    repair.updated_at = uow.now
