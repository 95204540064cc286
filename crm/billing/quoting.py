"""What quotes cause: messages, the flag beside the status, the way on after an approval."""

from __future__ import annotations

from crm import dues
from crm.billing.telling import Teller
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.notifications import service as notifications
from crm.quotes import queries as quotes
from crm.quotes import rules, service
from crm.quotes.events import (
    QuoteApproved,
    QuoteDeclined,
    QuoteEvent,
    QuoteNudgeDue,
    QuoteSent,
    QuoteWithdrawn,
)
from crm.quotes.models import Quote
from crm.repairs import service as repairs
from crm.repairs.events import RepairEvent, RepairNoted, RepairStatusChanged
from crm.repairs.models import Repair, RepairEntry
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import GIVEN_UP, RepairFlag, RepairStatus

_SHOWN_OF_HASH = 12


class Quoting:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._teller = Teller(shop)

    def table(self) -> Reactions:
        return {
            QuoteSent: (self.sent,),
            QuoteNudgeDue: (self.nudge,),
            QuoteApproved: (self.approved,),
            QuoteDeclined: (self.declined,),
            QuoteWithdrawn: (self.ended,),
            RepairNoted: (self.given_up,),
            RepairStatusChanged: (self.handed_over,),
        }

    def sent(self, uow: UnitOfWork, event: QuoteSent) -> None:
        quote, repair = self._both(uow, event)
        self._note(uow, repair, event.actor, "quote_sent", self._range(uow, quote), waits=True)
        self._tell(uow, event, _key(quote.id, event.version), "quote_ready")

    def nudge(self, uow: UnitOfWork, event: QuoteNudgeDue) -> None:
        quote, _ = self._both(uow, event)
        key = f"{_key(quote.id, quote.version)}:nudge:{event.number}"
        self._tell(uow, event, key, "quote_reminder")

    def approved(self, uow: UnitOfWork, event: QuoteApproved) -> None:
        quote, repair = self._both(uow, event)
        decision = quotes.decision(uow, quote.id)
        total = self._teller.for_staff(event.total_minor, event.currency)
        told = f"{quote.ref} v{event.version}: {total}, via {event.via}"
        if decision is not None:
            told += f", {decision.digest[:_SHOWN_OF_HASH]}"
        _take_back(uow, quote, "quote approved")
        repair.estimate_minor = event.total_minor
        self._note(uow, repair, event.actor, "quote_approved", told, waits=False)
        due = dues.due(uow, repair.id, "deposit")
        if due.amount_minor:
            locale = self._teller.locale(uow, repair.customer_id)
            values = {
                "amount": self._teller.words(due.amount_minor, due.currency, locale),
                "link": self._shop.links.pay(repair.id, repair.received_at),
                "purpose": "deposit",
            }
            self._teller.tell(
                uow, f"{_key(quote.id, event.version)}:deposit", "payment_link", event.actor,
                repair=repair, customer_id=repair.customer_id, values=values,
            )  # fmt: skip
        elif not self.go_on(uow, repair, event.actor):
            # Nothing else would answer them: no deposit is asked, and no status changes.
            locale = self._teller.locale(uow, repair.customer_id)
            values = {
                "quote": quote.ref,
                "amount": self._teller.words(event.total_minor, event.currency, locale),
                "link": self._shop.links.quote(quote.id, quote.shown_at),
            }
            self._teller.tell(
                uow, f"{_key(quote.id, event.version)}:approved", "quote_approved", event.actor,
                repair=repair, customer_id=repair.customer_id, values=values,
            )  # fmt: skip

    def deposit_paid(self, uow: UnitOfWork, repair: Repair, actor: Actor) -> None:
        """After money came in: work that waited for its deposit goes on."""
        approved = quotes.approved(uow, repair.id)
        if approved is None or not approved.deposit_minor:
            return
        if not dues.due(uow, repair.id, "deposit").amount_minor:
            self.go_on(uow, repair, actor)

    def go_on(self, uow: UnitOfWork, repair: Repair, actor: Actor) -> bool:
        """From the diagnosis on to the work; a part that is waited for is waited for."""
        waits = repair.status in (RepairStatus.RECEIVED, RepairStatus.DIAGNOSING)
        if not waits or GIVEN_UP.intersection(repair.flags):
            return False
        news = StatusNews(status=RepairStatus.REPAIRING, by_staff=False)
        repairs.change_status(uow, Address(ref=repair.ref), news, actor)
        return True

    def declined(self, uow: UnitOfWork, event: QuoteDeclined) -> None:
        quote, repair = self._both(uow, event)
        _take_back(uow, quote, "quote declined")
        told = f"{quote.ref} v{event.version}" + (f": {event.reason}" if event.reason else "")
        self._note(uow, repair, event.actor, "quote_declined", told, waits=False)

    def ended(self, uow: UnitOfWork, event: QuoteWithdrawn) -> None:
        quote, repair = self._both(uow, event)
        _take_back(uow, quote, f"quote {event.state}")
        told = f"{quote.ref}: {event.state}"
        self._note(uow, repair, event.actor, "quote_ended", told, waits=False)

    def given_up(self, uow: UnitOfWork, event: RepairNoted) -> None:
        if uow.session.get_one(RepairEntry, event.entry_id).gives_up:
            self._withdraw(uow, event)

    def handed_over(self, uow: UnitOfWork, event: RepairStatusChanged) -> None:
        if event.after == RepairStatus.DELIVERED:
            self._withdraw(uow, event)

    def _withdraw(self, uow: UnitOfWork, event: RepairEvent) -> None:
        """Nobody is reminded of, or may approve, the price of work that will not be done."""
        for quote_id in quotes.sent(uow, event.subject_id):
            service.withdraw(uow, quote_id, event.actor)

    def _both(self, uow: UnitOfWork, event: QuoteEvent) -> tuple[Quote, Repair]:
        quote = uow.session.get_one(Quote, event.subject_id)
        return quote, uow.session.get_one(Repair, event.repair_id)

    def _range(self, uow: UnitOfWork, quote: Quote) -> str:
        content = rules.read(service.present(uow, quote).content)
        lowest, highest = content.lowest_minor(), content.highest_minor()
        told = self._teller.for_staff(lowest, quote.currency)
        if highest != lowest:
            told += f" – {self._teller.for_staff(highest, quote.currency)}"
        return f"{quote.ref} v{quote.version}: {told}"

    def _note(
        self, uow: UnitOfWork, repair: Repair, actor: Actor, outcome: str, told: str, *, waits: bool
    ) -> None:
        """waits: for the customer's answer from now on."""
        flags = {RepairFlag(flag) for flag in repair.flags} - {RepairFlag.AWAITING_APPROVAL}
        if waits:
            flags.add(RepairFlag.AWAITING_APPROVAL)
        repairs.note(
            uow, Address(ref=repair.ref), actor, outcome=outcome, internal_note=told, flags=flags
        )

    def _tell(self, uow: UnitOfWork, event: QuoteEvent, key: str, template: str) -> None:
        quote, repair = self._both(uow, event)
        content = rules.read(service.present(uow, quote).content)
        locale = self._teller.locale(uow, repair.customer_id)
        lowest, highest = content.lowest_minor(), content.highest_minor()
        values = {
            "title": content.title,
            "amount": self._teller.words(lowest, quote.currency, locale),
            "is_range": highest != lowest,
            "link": self._shop.links.quote(quote.id, quote.shown_at),
        }
        self._teller.tell(
            uow, key, template, event.actor, repair=repair, customer_id=repair.customer_id,
            values=values,
        )  # fmt: skip


def _take_back(uow: UnitOfWork, quote: Quote, reason: str) -> None:
    """The question for an answer, and what reminds of it."""
    asking = ("quote_ready", "quote_reminder")
    notifications.take_back_beginning(uow, f"quote:{quote.id}:", asking, reason)


def _key(quote_id: int, version: int) -> str:
    return f"quote:{quote_id}:v{version}"
