"""A plain "yes" approves the quote that waits for it; anything less plain does not.

It must come from where the quote's link went to, a thread or a telephone number, so whoever says yes
could have opened the link. A choice, also of optional lines, is never guessed: the links are sent
instead. What else a yes may mean is weighed in `crm/assents`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import select

from crm import threads
from crm.billing.telling import Teller
from crm.core.errors import Conflict
from crm.core.events import SYSTEM, Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification, NotificationState
from crm.quotes import queries, rules, service
from crm.quotes.models import Quote
from crm.quotes.queries import Waiting
from crm.quotes.service import Choice, Who
from crm.repairs.models import Repair
from crm.replies.talks import Talk
from crm.tickets.models import TicketMessage

DATA = Path(__file__).parent / "data"
LONGEST = 60
# How a decision was made, by the channel of the yes; a conversation is a thread.
VIA = {"sms": "sms", "whatsapp": "whatsapp"}
REACHED = (NotificationState.QUEUED, NotificationState.SENT, NotificationState.DELIVERED,
           NotificationState.READ)  # fmt: skip
LINK_TOLD = ("quote_ready", "quote_reminder")


@cache
def phrases() -> frozenset[str]:
    """In every language: a customer may answer in another than the shop's."""
    told = yaml.safe_load((DATA / "approvals.yaml").read_text("utf-8"))
    return frozenset(phrase for language in told.values() for phrase in language)


def is_yes(text: str) -> bool:
    """Whether the message is one of the phrases and nothing more."""
    return plain(text) in phrases()


def plain(text: str) -> str:
    """A short message in small letters, without what ends its sentence; empty for a long one."""
    if len(text) > LONGEST:
        return ""
    small = unicodedata.normalize("NFC", text).casefold()
    return re.sub(r"\s+", " ", small).strip().rstrip(".!").rstrip()


class Replies:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._teller = Teller(shop)

    def waiting(self, uow: UnitOfWork, talk: Talk, message: TicketMessage) -> list[Waiting]:
        """Quotes of this customer that waited when the message was written.

        None unless all were sent where it was written, into this thread or to this number: a yes
        elsewhere may mean anything.
        """
        theirs = select(Repair).where(Repair.customer_id == talk.customer_id)
        repairs = {one.id: one for one in uow.session.scalars(theirs)}
        found = queries.waiting(uow, list(repairs))
        # Chatwoot's clock of a message has whole seconds.
        found = [one for one in found if one.sent_at.replace(microsecond=0) <= message.created_at]
        return found if all(_was_sent_here(uow, talk, message, one) for one in found) else []

    def take(
        self, uow: UnitOfWork, talk: Talk, message: TicketMessage, open_quotes: list[Waiting]
    ) -> None:
        """Approve what a customer's yes can only mean; ask when it may mean more."""
        choice = self._only_choice(uow, open_quotes)
        if choice is None:
            self._ask(uow, open_quotes, talk)
            return
        name = message.author_name or "Customer"
        actor = Actor("customer", name, str(talk.customer_id))
        who = Who(actor, VIA.get(talk.channel or "", "thread"), message.body)
        try:
            service.approve(uow, open_quotes[0].quote_id, choice, who)
        except Conflict:
            # Decided, changed or expired in this very moment: staff read the message in the thread.
            return

    def _only_choice(self, uow: UnitOfWork, open_quotes: list[Waiting]) -> Choice | None:
        if len(open_quotes) != 1:
            return None
        quote = uow.session.get_one(Quote, open_quotes[0].quote_id)
        version = service.present(uow, quote)
        content = rules.read(version.content)
        if len(content.options) != 1 or content.options[0].everything():
            return None
        return Choice(quote.version, version.digest, 0)

    def _ask(self, uow: UnitOfWork, open_quotes: list[Waiting], talk: Talk) -> None:
        """One question for the same open quotes, with a link to each."""
        told = "-".join(f"{one.quote_id}.{int(one.sent_at.timestamp())}" for one in open_quotes)
        place = talk.conversation.id if talk.conversation else f"text-{talk.customer_id}"
        key = f"quote:which:{place}:{told}"
        if uow.session.scalar(select(Notification.id).where(Notification.event_key == key)):
            return
        locale = self._teller.locale(uow, talk.customer_id)
        lines = []
        for one in open_quotes:
            repair = uow.session.get_one(Repair, one.repair_id)
            quote = uow.session.get_one(Quote, one.quote_id)
            lines.append(
                {
                    "device": repair.device or repair.ref,
                    "total": self._teller.words(one.total_minor, one.currency, locale),
                    "link": self._shop.links.quote(quote.id, quote.shown_at),
                }
            )
        self._teller.tell(
            uow, key, "quote_which", SYSTEM,
            repair=uow.session.get_one(Repair, open_quotes[0].repair_id),
            customer_id=talk.customer_id, values={"quotes": lines},
        )  # fmt: skip


def _was_sent_here(uow: UnitOfWork, talk: Talk, message: TicketMessage, quote: Waiting) -> bool:
    """Whoever writes there could have opened the link."""
    if talk.conversation is not None:
        thread = threads.conversation_for_repair(uow, quote.repair_id)
        return thread is not None and thread.id == talk.conversation.id
    told = select(Notification.id).where(
        Notification.event_key.startswith(f"quote:{quote.quote_id}:", autoescape=True),
        Notification.template.in_(LINK_TOLD),
        Notification.channel == talk.channel,
        Notification.address == message.details.get("number"),
        Notification.not_before <= message.created_at,
        Notification.state.in_(REACHED),
    )
    return uow.session.scalar(told.limit(1)) is not None
