"""Reads that join repairs with the tickets and conversations they are talked about in."""

from __future__ import annotations

from sqlalchemy import case, select, union

from crm.bookings.models import Booking
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair, TicketRepair
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.tickets.models import Conversation

MOST_REPAIRS = 50


def conversation_for_repair(uow: UnitOfWork, repair_id: int) -> Conversation | None:
    """Where the customer is told about a repair.

    Of the conversations its tickets hold: one that can be answered before one that can not, one that
    is not resolved before one that is, then the most recently active.
    """
    return uow.session.scalars(
        select(Conversation)
        .join(TicketRepair, TicketRepair.ticket_id == Conversation.ticket_id)
        .where(TicketRepair.repair_id == repair_id)
        .order_by(
            Conversation.can_reply.desc(),
            case((Conversation.status == "resolved", 1), else_=0),
            Conversation.last_activity_at.desc(),
        )
        .limit(1)
    ).first()


def conversation_for_booking(uow: UnitOfWork, booking_id: int) -> Conversation | None:
    """The conversation a booking was made from."""
    return uow.session.scalar(
        select(Conversation)
        .join(Booking, Booking.conversation_id == Conversation.id)
        .where(Booking.id == booking_id)
    )


def conversations_of_repair(uow: UnitOfWork, repair_id: int) -> list[Conversation]:
    return list(
        uow.session.scalars(
            select(Conversation)
            .join(TicketRepair, TicketRepair.ticket_id == Conversation.ticket_id)
            .where(TicketRepair.repair_id == repair_id)
            .order_by(Conversation.id)
        )
    )


def repairs_of_ticket(uow: UnitOfWork, ticket_id: int) -> list[Repair]:
    """Newest first, at most 50."""
    return list(
        uow.session.scalars(
            select(Repair)
            .join(TicketRepair, TicketRepair.repair_id == Repair.id)
            .where(TicketRepair.ticket_id == ticket_id)
            .order_by(Repair.id.desc())
            .limit(MOST_REPAIRS)
        )
    )


def repairs_of_contact(
    uow: UnitOfWork, account_id: int, contact_id: int, customer_id: int
) -> list[Repair]:
    """The customer's own repairs, and those an agent linked to one of the contact's threads."""
    linked = (
        select(TicketRepair.repair_id)
        .join(Conversation, Conversation.ticket_id == TicketRepair.ticket_id)
        .where(Conversation.account_id == account_id, Conversation.contact_id == contact_id)
    )
    # Two indexed sets joined: an OR over both would walk every repair there is.
    ids = union(select(Repair.id).where(Repair.customer_id == customer_id), linked)
    return list(
        uow.session.scalars(
            select(Repair).where(Repair.id.in_(ids)).order_by(Repair.id.desc()).limit(MOST_REPAIRS)
        )
    )


def is_open(repair: Repair) -> bool:
    """Still on its way: neither handed over nor given up."""
    return repair.status != RepairStatus.DELIVERED and RepairFlag.CANCELLED not in repair.flags
