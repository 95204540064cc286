"""Where equal subjects meet: a plain table from events to the functions that react to them."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import format_date
from sqlalchemy import select

from crm import threads
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs import service as repairs
from crm.repairs.events import RepairCorrected, RepairCreated, RepairStatusChanged
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.statuses import RepairStatus
from crm.tickets.models import Conversation


def _ready_on(repair: Repair, locale: str) -> str | None:
    if repair.estimated_on is None or RepairStatus(repair.status).rank >= RepairStatus.COMPLETED.rank:
        return None
    return format_date(repair.estimated_on, "long", locale=locale)


def table(shop: Shop) -> Reactions:
    """Event type -> functions, run in this order inside the transaction that caused the event."""

    def tell_customer(uow: UnitOfWork, event: RepairStatusChanged | RepairCreated) -> None:
        repair = uow.session.get_one(Repair, event.subject_id)
        entry = uow.session.get_one(RepairEntry, event.entry_id)
        customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
        locale = texts.closest(customer.locale if customer else None, shop.locale)
        template = f"repair_{entry.to_status}"
        values = {
            "device": repair.device,
            "ref": repair.ref,
            "link": shop.links.track(repair.id, repair.received_at),
            "shop": shop.name,
            "note": entry.note,
            "ready_on": _ready_on(repair, locale),
        }
        notifications.compose(
            uow,
            f"repair:{repair.id}:entry:{entry.id}",
            template,
            texts.render(locale, template, "chat", values),
            locale=locale,
            customer_id=repair.customer_id,
            repair_id=repair.id,
            hold=shop.hold if event.by_staff else timedelta(),
            actor=event.actor,
        )

    def take_back_messages(uow: UnitOfWork, event: RepairCorrected) -> None:
        notifications.take_back(uow, event.subject_id, f"taken back: corrected to {event.after}")

    def join_customers_thread(uow: UnitOfWork, event: RepairCreated) -> None:
        """A new repair of a customer who is talking to us belongs to that thread."""
        repair = uow.session.get_one(Repair, event.subject_id)
        if repair.customer_id is None or threads.conversations_of_repair(uow, repair.id):
            return
        conversation = uow.session.scalars(
            select(Conversation)
            .where(Conversation.customer_id == repair.customer_id)
            .order_by(Conversation.last_activity_at.desc())
            .limit(1)
        ).first()
        if conversation is not None:
            repairs.link(uow, repair, conversation.ticket_id, repair.customer_id, event.actor)

    return {
        RepairCreated: (join_customers_thread, tell_customer),
        RepairStatusChanged: (tell_customer,),
        RepairCorrected: (take_back_messages,),
    }
