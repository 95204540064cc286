"""Hears a customer's plain yes and plain "cancel", before anybody asks which repair is meant.

A yes approves the only quote or confirms the only booking that waits for it where it was written.
Where it could mean more, and for every "cancel", the customer gets links and decides there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import select

from crm.assents import bookings as booked
from crm.billing import replies
from crm.billing.replies import Replies
from crm.bookings import queries as booking_queries
from crm.bookings import service as bookings
from crm.bookings.models import Booking
from crm.core.errors import Conflict
from crm.core.events import SYSTEM, Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.notifications.models import Notification
from crm.quotes.models import Quote
from crm.quotes.queries import Waiting
from crm.repairs.models import Repair
from crm.replies import focusing, talks, wishes
from crm.replies.rules import MeantBy
from crm.replies.talks import Talk
from crm.texting import words
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind, TicketMessage

TEMPLATE = "which_link"
DATA = Path(__file__).parent / "data"


@cache
def cancels() -> frozenset[str]:
    told = yaml.safe_load((DATA / "cancels.yaml").read_text("utf-8"))
    return frozenset(phrase for language in told.values() for phrase in language)


def is_cancel(text: str) -> bool:
    """Whether the message is one of the phrases, or a carrier's word, and nothing more."""
    return replies.plain(text) in cancels() or words.meaning(text) == words.CANCEL


class Assents:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._quotes = Replies(shop)

    def consider(self, uow: UnitOfWork, event: MessageReceived) -> None:
        if event.private or event.author_kind != AuthorKind.CUSTOMER:
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        if wishes.is_wish(message):
            return
        is_yes = replies.is_yes(message.body)
        if not is_yes and not is_cancel(message.body):
            return
        talk = talks.of_message(uow, message)
        # Words from one of our pages: beside the page's own buttons they decide nothing.
        if talk.channel is None or message.details.get("via") not in (None, talk.channel):
            return
        if is_yes:
            self._agree(uow, talk, message)
        else:
            self._cancel(uow, talk, message, event.actor)

    def _agree(self, uow: UnitOfWork, talk: Talk, message: TicketMessage) -> None:
        quotes = self._quotes.waiting(uow, talk, message)
        held = booked.waiting(uow, talk, message)
        if quotes and held or len(held) > 1:
            self._send_links(uow, talk, quotes, held)
            focusing.bind(message, None, MeantBy.AGREED)
        elif quotes:
            self._quotes.take(uow, talk, message, quotes)
            repair = uow.session.get_one(Repair, quotes[0].repair_id) if len(quotes) == 1 else None
            focusing.bind(message, repair, MeantBy.AGREED)
        elif held and booked.is_latest(uow, talk, message, held[0]):
            self._confirm(uow, talk, message, held[0])
            focusing.bind(message, None, MeantBy.AGREED)

    def _cancel(self, uow: UnitOfWork, talk: Talk, message: TicketMessage, actor: Actor) -> None:
        """Where no booking can be meant, the word alone is a stop on a telephone. So it is where its
        carrier took it for one: there the links would not arrive."""
        coming = booked.coming(uow, talk, message)
        if coming and message.details.get(wishes.OPT_OUT) != words.STOP:
            self._send_links(uow, talk, (), coming)
            focusing.bind(message, None, MeantBy.AGREED)
        elif "number" in message.details and words.meaning(message.body) == words.CANCEL:
            wishes.obey(uow, message, words.STOP, actor, in_doubt=bool(coming))

    def _confirm(
        self, uow: UnitOfWork, talk: Talk, message: TicketMessage, booking: Booking
    ) -> None:
        customer = uow.session.get_one(Customer, talk.customer_id)
        actor = Actor("customer", message.author_name or customer.name, customer.ref)
        locked = booking_queries.by_id(uow, booking.id, for_update=True)
        try:
            bookings.confirm(uow, locked, actor, proof=None)
        except Conflict:
            # Its hold is over and the slot gone, or somebody decided this very moment.
            self._send_links(uow, talk, (), [booking])

    def _send_links(
        self, uow: UnitOfWork, talk: Talk, quotes: Sequence[Waiting], held: Sequence[Booking]
    ) -> None:
        """Once a day for the same things, where the customer wrote."""
        customer = uow.session.get_one(Customer, talk.customer_id)
        locale = texts.closest(customer.locale, self._shop.locale)
        things = [f"q{one.quote_id}" for one in quotes] + [f"b{one.id}" for one in held]
        day = uow.now.astimezone(self._shop.timezone).date()
        key = f"which-link:{talk.customer_id}:{'-'.join(things)}:{day}"
        if uow.session.scalar(select(Notification.id).where(Notification.event_key == key)):
            return
        items = [self._quote(uow, one) for one in quotes]
        items += [self._booking(one) for one in held]
        values = {"shop": self._shop.name, "items": items}
        notifications.compose(
            uow,
            key,
            TEMPLATE,
            texts.render(locale, TEMPLATE, "chat", values),
            locale=locale,
            customer_id=talk.customer_id,
            repair_id=None if held else quotes[0].repair_id,
            booking_id=held[0].id if held else None,
            hold=timedelta(),
            actor=SYSTEM,
            values=values,
            conversation_id=talk.conversation.id if talk.conversation else None,
            only=talk.channel,
        )

    def _quote(self, uow: UnitOfWork, waiting: Waiting) -> dict[str, str]:
        quote = uow.session.get_one(Quote, waiting.quote_id)
        repair = uow.session.get_one(Repair, waiting.repair_id)
        link = self._shop.links.quote(quote.id, quote.shown_at)
        return {"kind": "quote", "name": repair.device or repair.ref, "link": link}

    def _booking(self, booking: Booking) -> dict[str, str]:
        link = self._shop.links.booking(booking.id, booking.created_at)
        return {"kind": "booking", "name": booking.ref, "link": link}
