"""Whoever signs in by a mailed link has shown that the address takes mail."""

from __future__ import annotations

import re

from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.mailboxes import service as mailboxes
from crm.portal import sessions
from tests.integration.notices.conftest import BROWSER
from tests.integration.portal.conftest import ILSE, Portal

OTHER = "old@example.org"


def obstacle(portal: Portal, address: str) -> str | None:
    with portal.parts.units() as uow:
        return mailboxes.obstacle(uow, address)


def test_it_lifts_the_mark_of_the_address_the_link_went_to(portal: Portal):
    ilse = portal.customer(ILSE)
    with portal.parts.units() as uow:
        customers.update(uow, uow.session.get_one(Customer, ilse).ref, {"email": OTHER}, SYSTEM)
        for address in (ILSE, OTHER):
            mailboxes.unreachable(uow, address, "no such mailbox (5.1.1)")
    link = portal.link(" ILSE@example.org")
    forged = re.sub(r"/(\d+)-", lambda found: f"/{int(found[1]) + 1}-", link)
    assert forged != link
    for wrong in (forged, link[:-1]):
        assert portal.browser().post(wrong, headers=BROWSER).status_code == 410
    assert portal.browser().get(link, headers=BROWSER).status_code == 200
    assert obstacle(portal, ILSE), "asking proves nothing, and mail programs look at links too"
    assert portal.browser().post(link, headers=BROWSER).status_code == 303
    assert obstacle(portal, ILSE) is None
    assert obstacle(portal, OTHER), "another address of theirs"


def test_a_link_that_was_not_mailed_proves_nothing(portal: Portal):
    ilse = portal.customer(ILSE)
    with portal.parts.units() as uow:
        mailboxes.unreachable(uow, ILSE, "no such mailbox (5.1.1)")
        _, token = sessions.create_link(uow, ilse)
    assert portal.browser().post(f"/me/sign-in/{token}", headers=BROWSER).status_code == 303
    assert obstacle(portal, ILSE)
