"""Where equal subjects meet: a plain table from events to the functions that react to them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy import select

from crm import lending, threads
from crm.analytics import steps
from crm.assents.service import Assents
from crm.billing import standing
from crm.billing.collecting import Collecting
from crm.billing.giving_up import GivingUp
from crm.billing.quoting import Quoting
from crm.bookings import queries as booking_queries
from crm.bookings import service as bookings
from crm.bookings import terms as booking_terms
from crm.bookings.events import BookingCheckedIn
from crm.bookings.messages import Messages
from crm.bookings.models import Booking
from crm.core import outbox
from crm.core.outbox import EffectDiscarded
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork, join
from crm.customers.models import Customer
from crm.deposits import Deposits
from crm.files.events import FileReleased, FileRemoved
from crm.followups import carrying
from crm.followups.service import Planning
from crm.followups.surveys import Surveys
from crm.intake import queries as intake_queries
from crm.intake import service as intake
from crm.locations import directions
from crm.locations.models import Location
from crm.notifications import channels, texts
from crm.notifications import service as notifications
from crm.notifications.events import NotificationComposed
from crm.payments import posting
from crm.promises.messages import Messages as Delays
from crm.repairs import links
from crm.repairs.events import (
    RepairCorrected,
    RepairCreated,
    RepairPicturesChanged,
    RepairStatusChanged,
)
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.statuses import RepairStatus
from crm.replies import wishes
from crm.replies.service import Meanings
from crm.signing import Signing
from crm.tickets.events import MessageReceived, TicketRated
from crm.tickets.models import AuthorKind, Conversation, TicketMessage
from crm.warranties.service import Beginning

# Said to somebody who has the device already, these only confuse.
_COLLECTING = ("repair_ready_pickup", "pickup_reminder", "repair_unrepairable", "repair_cancelled")


def _ready_on(repair: Repair, locale: str) -> str | None:
    if (
        repair.estimated_on is None
        or RepairStatus(repair.status).rank >= RepairStatus.COMPLETED.rank
    ):
        return None
    return format_date(repair.estimated_on, "long", locale=texts.REGIONS[locale])


def table(shop: Shop) -> Reactions:
    """Event type -> functions, run in this order inside the transaction that caused the event."""
    signing = Signing(shop)
    planning = Planning(shop.timezone)

    def tell_customer(uow: UnitOfWork, event: RepairStatusChanged | RepairCreated) -> None:
        repair = uow.session.get_one(Repair, event.subject_id)
        entry = uow.session.get_one(RepairEntry, event.entry_id)
        customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
        locale = texts.closest(customer.locale if customer else None, shop.locale)
        template = f"repair_{entry.to_status}"
        comes = entry.to_status == RepairStatus.READY_PICKUP
        values = {
            "device": repair.device,
            "ref": repair.ref,
            "link": shop.links.track(repair.id, repair.received_at),
            "shop": shop.name,
            "note": entry.note,
            "ready_on": _ready_on(repair, locale),
            "collection_code": signing.collection_code(uow, repair),
            **standing.of_repair(uow, shop, repair, locale),
            **(directions.told(uow, texts.REGIONS[locale]) if comes else directions.NOWHERE),
        }
        hold = shop.hold if event.by_staff else timedelta()
        if entry.to_status == RepairStatus.DELIVERED:
            notifications.overtake(uow, repair.id, _COLLECTING, "it was handed over meanwhile")
        if not hold:
            notifications.release(uow, repair.id)
        notifications.compose(
            uow,
            notifications.status_key(repair.id, entry.id),
            template,
            texts.render(locale, template, "chat", values),
            locale=locale,
            customer_id=repair.customer_id,
            repair_id=repair.id,
            hold=hold,
            actor=event.actor,
            values=values,
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
            links.link(uow, repair, conversation.ticket_id, repair.customer_id, event.actor)

    def take_in_devices(uow: UnitOfWork, event: BookingCheckedIn) -> None:
        """Every device of the booking becomes a repair in the thread the booking was made from."""
        booking = uow.session.get_one(Booking, event.subject_id)
        location = uow.session.get_one(Location, booking.location_id)
        conversation = threads.conversation_for_booking(uow, booking.id)
        due_on = booking.ends_at.astimezone(ZoneInfo(location.timezone)).date()
        for device in booking_queries.devices(uow, booking.id):
            new = NewRepair(
                customer_id=booking.customer_id,
                device=device.name,
                problem=booking_terms.problem_of(uow, device),
                estimated_on=max(due_on, uow.now.astimezone(ZoneInfo(location.timezone)).date()),
                estimate_minor=device.price_minor,
                currency=booking.currency,
            )
            repair = open_repair(uow, new, event.actor, by_staff=True)
            device.repair_id = repair.id
            if location.requires_intake:
                device_class = intake_queries.class_of(uow, device.category)
                intake.open_intake(uow, repair.id, device_class, event.actor)
            if conversation is not None:
                links.link(
                    uow, repair, conversation.ticket_id, conversation.customer_id, event.actor
                )

    def free_bench(uow: UnitOfWork, event: RepairStatusChanged) -> None:
        """Work that is done sooner than planned leaves its hours to others."""
        if RepairStatus(event.after).rank >= RepairStatus.COMPLETED.rank:
            bookings.finish(uow, event.subject_id)

    def fetch_attachments(uow: UnitOfWork, event: MessageReceived) -> None:
        """What people show each other in the chat is filed (deliverer: integration `files`)."""
        if event.private or event.author_kind not in (AuthorKind.CUSTOMER, AuthorKind.AGENT):
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        if any(one.get("kind") in ("image", "file") for one in message.attachments):
            outbox.sync(uow, "files.fetch", str(message.id), {"message_id": message.id})

    def show_pictures(uow: UnitOfWork, event: FileReleased | FileRemoved) -> None:
        """An open tracking page hears of its pictures as it hears of a new status."""
        was_shown = isinstance(event, FileReleased) or event.was_public
        if was_shown and event.repair_id is not None:
            uow.record(RepairPicturesChanged(event.repair_id, event.actor))

    collecting = Collecting(shop)
    return join(
        Messages(shop).table(),
        {
            MessageReceived: (
                fetch_attachments,
                # A wish to be left alone is no answer to anything.
                wishes.hear,
                # What a yes has decided is not asked about.
                Assents(shop).consider,
                Meanings(shop).consider,
            ),
            FileReleased: (show_pictures,),
            FileRemoved: (show_pictures,),
            BookingCheckedIn: (take_in_devices,),
            RepairCreated: (join_customers_thread, tell_customer),
            RepairStatusChanged: (
                # Invoiced before the customer is told, who is told what is to be paid.
                collecting.invoice_finished,
                tell_customer,
                free_bench,
                steps.credit,
                Beginning(shop.timezone).begin,
                planning.begin,
            ),
            RepairCorrected: (take_back_messages, signing.collect_anew, planning.take_back),
            NotificationComposed: (carrying.sent_again,),
            TicketRated: (Surveys(shop).from_rating,),
            EffectDiscarded: (channels.discarded,),
        },
        signing.table(),
        lending.table(),
        Delays(shop).table(),
        Deposits(shop).table(),
        posting.table(),
        Quoting(shop).table(),
        GivingUp(shop).table(),
        collecting.table(),
    )
