"""Asking for a sign-in link, and sending it to an address that a customer has proven.

What a visitor typed is only stored, sealed; who it belongs to is looked up later, so that neither
the answer nor the time it takes tells whether the shop knows the address. It is dropped as soon as
it was looked up.

How often one visitor may ask for one address is limited at the page. Here strangers together are: no
link is added to three of that address that are still good. Whoever reads the mail has one of those
then, so that nobody is locked out by the asking of others.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import case, select, update

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
MOST_AT_HAND = 3
TEMPLATE = "sign_in_link"
_MASKED = "••••••"


def ask(uow: UnitOfWork, seal: Seal, email: str, locale: str) -> None:
    """locale: of the page it was asked on."""
    key = secrets.token_hex(16)
    body = seal.close({"email": email, "locale": locale})
    inbox.store(uow, Delivery("self", SENDER, ASKED, f"{SENDER}:{key}", key, body))


def drop_typed(uow: UnitOfWork) -> None:
    """Drop what was typed and not looked up in the end: sealed, it cannot be told whose it was."""
    rows = update(InboxRow).where(
        InboxRow.source == "self", InboxRow.sender == SENDER, InboxRow.type == ASKED,
        InboxRow.state.not_in((inbox.PENDING, inbox.RUNNING)), InboxRow.body.is_not(None),
    )  # fmt: skip
    unread = case((InboxRow.state == inbox.DEAD, inbox.IGNORED), else_=InboxRow.state)
    uow.session.execute(rows.values(body=None, state=unread, reason="erased"))


class SendingLinks:
    def __init__(self, seal: Seal, shop: Shop):
        self._seal = seal
        self._shop = shop

    def send(self, uow: UnitOfWork, row: InboxRow) -> None:
        """Handles `portal.link_asked`. An address nobody has proven, or one too many: nothing."""
        asked = self._seal.open(row.body or b"")
        uow.session.execute(update(InboxRow).where(InboxRow.id == row.id).values(body=None))
        address = email_key(asked["email"], proven=True).value
        found = uow.session.execute(
            select(Customer, CustomerKey.id)
            .join(CustomerKey, CustomerKey.customer_id == Customer.id)
            .where(
                CustomerKey.kind == EMAIL,
                CustomerKey.value == address,
                CustomerKey.is_proven,
                Customer.merged_into_id.is_(None),
            )
            .with_for_update(of=Customer)
        ).first()
        if found is None:
            return
        customer, key_id = found
        if sessions.links_at_hand(uow, customer.id, key_id) >= MOST_AT_HAND:
            return
        link_id, token = sessions.create_link(uow, customer.id, key_id)
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
