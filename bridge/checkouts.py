"""Sending somebody to pay by card: for the API and for pages.

An attempt is begun in the caller's unit of work, its page opened after the commit with none open.
"""

from __future__ import annotations

from flask_babel import force_locale
from flask_babel import gettext as _

from bridge.context import here
from crm import dues
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications import texts
from crm.payments import checkout, queries
from crm.payments.attempts import begin
from crm.payments.checkout import Page
from crm.payments.models import Attempt
from crm.payments.provider import PaymentsOff, Provider
from crm.repairs.models import Repair


def start(uow: UnitOfWork, repair: Repair, purpose: str, actor: Actor) -> Attempt:
    """An attempt to pay what is due now.

    Raises Conflict (`nothing-due`, `payment-processing`), PaymentsOff.
    """
    due = dues.needed(uow, repair.id, purpose)
    return begin(
        uow,
        repair.id,
        due.purpose,
        due.amount_minor,
        due.currency,
        repair.customer_id,
        due.quote_id,
        provider(),
        actor,
    )


def open_page(ref: str) -> Attempt:
    """The attempt with the address to send the customer to. No unit of work may be open.

    Raises what `crm.payments.checkout.open_page` raises, PaymentsOff.
    """
    with here().units() as uow:
        attempt = queries.attempt_by_ref(uow, ref)
        page = _page(uow, attempt)
    return checkout.open_page(here().units, provider(), attempt.id, page)


def provider() -> Provider:
    """Raises PaymentsOff."""
    if here().payments is None:
        raise PaymentsOff("cards are not taken here; pay at the counter or by transfer")
    return here().payments


def _page(uow: UnitOfWork, attempt: Attempt) -> Page:
    shop = here().shop
    repair = uow.session.get_one(Repair, attempt.repair_id)
    customer = uow.session.get(Customer, attempt.customer_id) if attempt.customer_id else None
    locale = texts.closest(customer.locale if customer else None, shop.locale)
    with force_locale(locale):
        label = {
            "deposit": _("Deposit for repair %(ref)s", ref=repair.ref),
            "balance": _("Repair %(ref)s", ref=repair.ref),
        }[attempt.purpose]
    back = shop.links.pay(repair.id, repair.received_at)
    return Page(label, f"{back}?back={attempt.ref}", f"{back}?cancelled={attempt.ref}", locale)
