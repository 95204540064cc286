"""A plain "yes" in the chat approves the quote that waits for it; anything less plain does not.

The thread must be the one that the quote's link went to, so whoever says yes there could have
opened the link. A choice, also of optional lines, is never guessed: the links are sent instead.
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
from crm.notifications.models import Notification
from crm.quotes import queries, rules, service
from crm.quotes.models import Quote
from crm.quotes.queries import Waiting
from crm.quotes.service import Choice, Who
from crm.repairs.models import Repair
from crm.tickets.events import MessageReceived
from crm.tickets.models import AuthorKind, Conversation, TicketMessage

DATA = Path(__file__).parent / "data"
LONGEST = 60


@cache
def phrases() -> frozenset[str]:
    """In every language: a customer may answer in another than the shop's."""
    told = yaml.safe_load((DATA / "approvals.yaml").read_text("utf-8"))
    return frozenset(phrase for language in told.values() for phrase in language)


def is_yes(text: str) -> bool:
    """Whether the message is one of the phrases and nothing more."""
    if len(text) > LONGEST:
        return False
    plain = unicodedata.normalize("NFC", text).casefold()
    return re.sub(r"\s+", " ", plain).strip().rstrip(".!").rstrip() in phrases()


class Replies:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._teller = Teller(shop)

    def consider(self, uow: UnitOfWork, event: MessageReceived) -> None:
        """Approve what a customer's yes can only mean; ask when it may mean more."""
        if event.private or event.author_kind != AuthorKind.CUSTOMER:
            return
        message = uow.session.get_one(TicketMessage, event.message_id)
        # Words from one of our pages: a question beside the quote's own buttons is no approval.
        if "via" in message.details or message.conversation_id is None or not is_yes(message.body):
            return
        conversation = uow.session.get_one(Conversation, message.conversation_id)
        open_quotes = self._meant(uow, conversation, message)
        if not open_quotes:
            return
        choice = self._only_choice(uow, open_quotes)
        if choice is None:
            self._ask(uow, open_quotes, conversation)
            return
        name = message.author_name or "Customer"
        who = Who(Actor("customer", name, str(conversation.customer_id)), "thread", message.body)
        try:
            service.approve(uow, open_quotes[0].quote_id, choice, who)
        except Conflict:
            # Decided, changed or expired in this very moment: staff read the message in the thread.
            return

    def _meant(
        self, uow: UnitOfWork, conversation: Conversation, message: TicketMessage
    ) -> list[Waiting]:
        """Quotes of this customer that waited when the message was written.

        None unless all were sent to this thread: a yes elsewhere may mean anything.
        """
        theirs = select(Repair).where(Repair.customer_id == conversation.customer_id)
        repairs = {one.id: one for one in uow.session.scalars(theirs)}
        found = queries.waiting(uow, list(repairs))
        # Chatwoot's clock of a message has whole seconds.
        found = [one for one in found if one.sent_at.replace(microsecond=0) <= message.created_at]
        for one in found:
            thread = threads.conversation_for_repair(uow, one.repair_id)
            if thread is None or thread.id != conversation.id:
                return []
        return found

    def _only_choice(self, uow: UnitOfWork, open_quotes: list[Waiting]) -> Choice | None:
        if len(open_quotes) != 1:
            return None
        quote = uow.session.get_one(Quote, open_quotes[0].quote_id)
        version = service.present(uow, quote)
        content = rules.read(version.content)
        if len(content.options) != 1 or content.options[0].everything():
            return None
        return Choice(quote.version, version.digest, 0)

    def _ask(self, uow: UnitOfWork, open_quotes: list[Waiting], conversation: Conversation) -> None:
        """One question for the same open quotes, with a link to each."""
        told = "-".join(f"{one.quote_id}.{int(one.sent_at.timestamp())}" for one in open_quotes)
        key = f"quote:which:{conversation.id}:{told}"
        if uow.session.scalar(select(Notification.id).where(Notification.event_key == key)):
            return
        locale = self._teller.locale(uow, conversation.customer_id)
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
            customer_id=conversation.customer_id, values={"quotes": lines},
        )  # fmt: skip
