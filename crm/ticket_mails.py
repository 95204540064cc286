"""A mail to the desk for each new ticket, for shops that switched the message `new_ticket` on.

It goes to whoever sees the notice of it (`crm/noticing.py`). Off by default: Chatwoot tells its agents
of new conversations itself. The words are sealed, since the log of messages keeps no customer's words.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crm.core.events import SYSTEM
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.core.vault import Seal
from crm.customers.models import EMAIL, Customer
from crm.noticing import HANDS
from crm.notifications import rulebook, texts
from crm.notifications import service as notifications
from crm.staff import roles
from crm.staff.models import Staff
from crm.tickets.events import TicketOpened
from crm.tickets.models import Ticket
from crm.tickets.rules import SETTLED

TEMPLATE = "new_ticket"
# When more come, by a catch-up or by mischief, the list of notices says enough.
MOST_AN_HOUR = 20
_READERS = roles.STAFF_ROLES[roles.STAFF_ROLES.index(roles.DESK) :]


class TicketMails:
    def __init__(self, seal: Seal, shop: Shop):
        self._seal = seal
        self._shop = shop

    def table(self) -> Reactions:
        return {TicketOpened: (self.opened,)}

    def opened(self, uow: UnitOfWork, event: TicketOpened) -> None:
        locale = texts.closest(self._shop.locale)
        if event.actor.kind in HANDS or not rulebook.rule_for(uow, TEMPLATE, locale).is_on:
            return
        ticket = uow.session.get_one(Ticket, event.subject_id)
        if ticket.status in SETTLED or _are_many(uow):
            return
        text = texts.render(locale, TEMPLATE, "chat", self._values(uow, ticket))
        for person in _readers(uow):
            notifications.compose(
                uow,
                f"{TEMPLATE}:{ticket.id}:{person.id}",
                TEMPLATE,
                f"New ticket {ticket.ref}",
                locale=locale,
                customer_id=None,
                repair_id=None,
                hold=timedelta(),
                actor=SYSTEM,
                deadline_at=uow.now + notifications.NOTICE_DEADLINE,
                sealed_body=self._seal.close({"text": text, "to": {EMAIL: person.email}}),
            )

    def _values(self, uow: UnitOfWork, ticket: Ticket) -> dict[str, str]:
        return {
            "shop": self._shop.name,
            "ref": ticket.ref,
            "customer": uow.session.get_one(Customer, ticket.customer_id).name,
            "subject": ticket.subject,
            "link": f"{self._shop.links.public_url}/admin/notices",
        }


def _readers(uow: UnitOfWork) -> list[Staff]:
    query = select(Staff).where(Staff.role.in_(_READERS), Staff.is_active)
    return list(uow.session.scalars(query.order_by(Staff.id)))


def _are_many(uow: UnitOfWork) -> bool:
    """Whether as many tickets came within the hour before this one."""
    newest = select(Ticket.created_at).order_by(Ticket.id.desc())
    earlier = uow.session.scalar(newest.offset(MOST_AN_HOUR).limit(1))
    return earlier is not None and earlier > uow.now - timedelta(hours=1)
