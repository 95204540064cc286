"""Commands on warranties: they begin at the handing over, and a device comes back under them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select

from crm.bookings.models import BookedDevice
from crm.core.errors import Conflict, Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs import links
from crm.repairs import queries as repair_queries
from crm.repairs import service as repairs
from crm.repairs.events import RepairStatusChanged
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.warranties import queries, rules
from crm.warranties.models import ComeBack, WarrantyLine

_GIVEN_UP = (RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE)


class Beginning:
    """zone: of the shop; a warranty counts from its calendar's day."""

    def __init__(self, zone: ZoneInfo):
        self._zone = zone

    def begin(self, uow: UnitOfWork, event: RepairStatusChanged) -> None:
        """Rework, and a device handed over again after a correction, start nothing anew."""
        if event.after != RepairStatus.DELIVERED:
            return
        repair = uow.session.get_one(Repair, event.subject_id)
        is_rework = uow.session.get(ComeBack, repair.id) is not None
        if is_rework or queries.lines(uow, repair.id) or set(repair.flags) & set(_GIVEN_UP):
            return
        day = uow.now.astimezone(self._zone).date()
        for slug in _work_done(uow, repair.id):
            terms = rules.terms(slug)
            uow.session.add(
                WarrantyLine(
                    repair_id=repair.id,
                    slug=slug,
                    technician=repair.technician,
                    started_on=day,
                    work_until=rules.until(day, terms.work),
                    part_until=rules.until(day, terms.part),
                )
            )


def come_back(
    uow: UnitOfWork, address: Address, claimed: Sequence[str], reason: str, actor: Actor, on: date
) -> Repair:
    """Take a device in again under warranty: a repair of its own, without a price.

    claimed: slugs of the original's lines; empty means all that are covered. on: today at the shop.
    Raises NotFound, Invalid (no such line), Conflict (`not-delivered`, `come-back-open`,
    `warranty-over` naming the last days).
    """
    named = repairs.find(uow, address)
    original_id = queries.original_of(uow, named.id)
    original = uow.session.get_one(Repair, original_id, with_for_update=True)
    if original.status != RepairStatus.DELIVERED:
        raise Conflict("the repair was not handed over yet", code="not-delivered")
    if _open_come_back(uow, original_id):
        raise Conflict("the device is here already", code="come-back-open")
    lines = {line.slug: line for line in queries.lines(uow, original_id)}
    if unknown := sorted(set(claimed) - set(lines)):
        told = [f"{slug}: not a line of this repair." for slug in unknown]
        raise Invalid("the repair has no such line", errors={"lines": told})
    covered = [s for s in (claimed or lines) if queries.is_covered(lines[s], on)]
    if not covered or (claimed and len(covered) < len(set(claimed))):
        over = [f"{s} until {_last_day(lines[s])}" for s in (claimed or lines) if s not in covered]
        raise Conflict(
            "the warranty is over: " + ("; ".join(over) or "this repair has none"),
            code="warranty-over",
        )
    repair = open_repair(
        uow,
        NewRepair(
            customer_id=original.customer_id,
            device=original.device,
            problem=reason,
            estimate_minor=0,
            currency=original.currency,
        ),
        actor,
        by_staff=True,
    )
    uow.session.add(
        ComeBack(
            repair_id=repair.id,
            original_id=original_id,
            lines=sorted(set(covered)),
            reason=reason,
            at=uow.now,
        )
    )
    if original.customer_id is not None:
        for ticket_id in repair_queries.ticket_ids(uow, original_id):
            links.link(uow, repair, ticket_id, original.customer_id, actor)
    repairs.note(
        uow,
        Address(ref=original.ref),
        actor,
        outcome="come_back",
        internal_note=f"{repair.ref}: {reason}",
        details={"repair": repair.ref, "lines": sorted(set(covered))},
    )
    return repair


def _work_done(uow: UnitOfWork, repair_id: int) -> list[str]:
    booked = uow.session.scalar(
        select(BookedDevice.repair_types).where(BookedDevice.repair_id == repair_id)
    )
    return sorted(set(booked or ())) or [rules.ANY_WORK]


def _open_come_back(uow: UnitOfWork, original_id: int) -> bool:
    is_open = (
        exists()
        .where(ComeBack.original_id == original_id, ComeBack.repair_id == Repair.id)
        .where(Repair.status != RepairStatus.DELIVERED)
        .where(~Repair.flags.contains([RepairFlag.CANCELLED]))
    )
    return bool(uow.session.scalar(select(is_open)))


def _last_day(line: WarrantyLine) -> str:
    days = [day for day in (line.work_until, line.part_until) if day]
    return max(days).isoformat() if days else "never"
