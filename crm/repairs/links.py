"""Which tickets a repair belongs to."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs.events import RepairLinked, RepairUnlinked
from crm.repairs.models import Repair, TicketRepair


def link(uow: UnitOfWork, repair: Repair, ticket_id: int, customer_id: int, actor: Actor) -> bool:
    """Make the repair part of a ticket. False if it was. A repair without a customer gets theirs."""
    added = uow.session.execute(
        insert(TicketRepair)
        .values(ticket_id=ticket_id, repair_id=repair.id, linked_at=uow.now)
        .on_conflict_do_nothing()
        .returning(TicketRepair.ticket_id)
    ).first()
    if added is None:
        return False
    if repair.customer_id is None:
        repair.customer_id = customer_id
    uow.record(RepairLinked(repair.id, actor, ticket_id))
    return True


def unlink(uow: UnitOfWork, repair: Repair, ticket_id: int, actor: Actor) -> bool:
    removed = uow.session.execute(
        delete(TicketRepair).where(
            TicketRepair.ticket_id == ticket_id, TicketRepair.repair_id == repair.id
        )
    ).rowcount
    if removed:
        uow.record(RepairUnlinked(repair.id, actor, ticket_id))
    return bool(removed)
