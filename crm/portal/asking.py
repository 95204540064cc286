"""Asking for a sign-in link, and sending it to an address that a customer has proven.

What a visitor typed is only stored, sealed; who it belongs to is looked up later, so that neither
the answer nor the time it takes tells whether the shop knows the address.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import select

from crm.core import inbox
from crm.core.events import SYSTEM
from crm.core.inbox import Delivery, InboxRow
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.customers.models import EMAIL, Customer, CustomerKey
from crm.customers.rules import email_key
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.portal import sessions

SENDER, ASKED = "portal", "portal.link_asked"
MOST_LINKS_AN_HOUR = 3
TEMPLATE = "sign_in_link"
_MASKED = "••••••"


def ask(uow: UnitOfWork, seal: Seal, email: str, locale: str) -> None:
    """locale: of the page it was asked on."""
    key = secrets.token_hex(16)
    body = seal.close({"email": email, "locale": locale})
    inbox.store(uow, Delivery("self", SENDER, ASKED, f"{SENDER}:{key}", key, body))


class SendingLinks:
    def __init__(self, seal: Seal, shop: Shop):
        self._seal = seal
        self._shop = shop

    def send(self, uow: UnitOfWork, row: InboxRow) -> None:
        """Handles `portal.link_asked`. An address nobody has proven, or one too many: nothing."""
        asked = self._seal.open(row.body or b"")
        address = email_key(asked["email"], proven=True).value
        customer = uow.session.scalar(
            select(Customer)
            .join(CustomerKey, CustomerKey.customer_id == Customer.id)
            .where(
                CustomerKey.kind == EMAIL,
                CustomerKey.value == address,
                CustomerKey.is_proven,
                Customer.merged_into_id.is_(None),
            )
            .with_for_update(of=Customer)
        )
        if customer is None:
            return
        hour = timedelta(hours=1)
        if sessions.links_since(uow, customer.id, hour) >= MOST_LINKS_AN_HOUR:
            return
        link_id, token = sessions.create_link(uow, customer.id)
        locale = texts.closest(asked["locale"], customer.locale, self._shop.locale)

        def words(link: str) -> str:
            values = {"link": link, "minutes": sessions.LINK_MINUTES, "shop": self._shop.name}
            return texts.render(locale, TEMPLATE, "sms", values)

        url = f"{self._shop.links.public_url}/me/sign-in/{token}"
        notifications.compose(
            uow,
            f"portal:link:{link_id}",
            TEMPLATE,
            words(_MASKED),
            locale=locale,
            customer_id=customer.id,
            repair_id=None,
            hold=timedelta(),
            actor=SYSTEM,
            deadline_at=uow.now + timedelta(minutes=sessions.LINK_MINUTES),
            sealed_body=self._seal.close({"to": {EMAIL: address}, "text": words(url)}),
        )
