"""Reads of warranties; nothing here locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.warranties import rules
from crm.warranties.models import ComeBack, WarrantyLine


@dataclass(frozen=True)
class Shown:
    """lines: of the original where the repair itself came back. original: its reference."""

    lines: tuple[WarrantyLine, ...]
    original: str | None
    come_backs: tuple[str, ...]


def shown(uow: UnitOfWork, repair_id: int) -> Shown:
    original_id = original_of(uow, repair_id)
    return Shown(
        tuple(lines(uow, original_id)),
        uow.session.get_one(Repair, original_id).ref if original_id != repair_id else None,
        tuple(
            uow.session.scalars(
                select(Repair.ref)
                .join(ComeBack, ComeBack.repair_id == Repair.id)
                .where(ComeBack.original_id == original_id)
                .order_by(Repair.id)
            )
        ),
    )


def original_of(uow: UnitOfWork, repair_id: int) -> int:
    """The first of a chain of repairs of the same work: its own id where it did not come back."""
    come_back = uow.session.get(ComeBack, repair_id)
    return come_back.original_id if come_back else repair_id


def lines(uow: UnitOfWork, repair_id: int) -> list[WarrantyLine]:
    query = select(WarrantyLine).where(WarrantyLine.repair_id == repair_id)
    return list(uow.session.scalars(query.order_by(WarrantyLine.slug)))


def is_covered(line: WarrantyLine, on: date) -> bool:
    return rules.is_covered((line.work_until, line.part_until), on)
