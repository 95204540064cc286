"""What waits for the customer beside the way of a repair: a quote to answer, money to pay."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from bridge.pages.answers import money
from crm import dues
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.quotes import queries as quotes
from crm.quotes.models import Quote
from crm.repairs.models import Repair


@dataclass(frozen=True)
class Step:
    words: LazyString
    url: str


def of(uow: UnitOfWork, shop: Shop, repair: Repair) -> Step | None:
    """The one to be taken now: without an answer to its quote there is nothing to pay yet."""
    waiting = quotes.waiting(uow, [repair.id])
    if waiting:
        quote = uow.session.get_one(Quote, waiting[-1].quote_id)
        return Step(_("See the quote and decide"), shop.links.quote(quote.id, quote.shown_at))
    for purpose in ("deposit", "balance"):
        due = dues.due(uow, repair.id, purpose)
        if due.amount_minor:
            words = _("Pay %(amount)s", amount=money(due.amount_minor, due.currency))
            return Step(words, shop.links.pay(repair.id, repair.received_at))
    return None
