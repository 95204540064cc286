"""Signing in to the portal: one-time links, and the sessions they open.

Who gets a link is decided in `asking.py`; how a session travels is `bridge/pages/portal/access.py`'s.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update

from crm.core.errors import Unauthenticated
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer, CustomerKey
from crm.mailboxes import service as mailboxes
from crm.portal.models import PortalLink, PortalSession
from crm.staff import tokens

LINK_MINUTES = 15
WORTH_OPENING = timedelta(minutes=5)
SESSION_DAYS = 30


def create_link(uow: UnitOfWork, customer_id: int, key_id: int = 0) -> tuple[int, str]:
    """The id and the token of a new link.

    key_id: of the `CustomerKey` it is mailed to, 0 where it is handed over otherwise. The token
    begins with it, and is good only as a whole.
    """
    token, token_hash = tokens.make(f"{key_id}-")
    link = PortalLink(
        token_hash=token_hash,
        customer_id=customer_id,
        key_id=key_id,
        expires_at=uow.now + timedelta(minutes=LINK_MINUTES),
        created_at=uow.now,
    )
    uow.session.add(link)
    uow.session.flush()
    return link.id, token


def links_at_hand(uow: UnitOfWork, customer_id: int, key_id: int) -> int:
    """How many lie in the mail of that address which are good for another five minutes at least."""
    good = select(func.count()).where(
        PortalLink.customer_id == customer_id,
        PortalLink.key_id == key_id,
        PortalLink.used_at.is_(None),
        PortalLink.expires_at > uow.now + WORTH_OPENING,
    )
    return uow.session.scalar(good) or 0


def link_is_good(uow: UnitOfWork, token: str) -> bool:
    """Whether the link would open a session; looking uses nothing up."""
    return uow.session.scalar(select(PortalLink.id).where(*_good(uow, token))) is not None


def sign_in(uow: UnitOfWork, token: str) -> str:
    """Use the link up and open a session. Returns the session's token.

    Other links sent to this customer open nothing any more, and the address this one was mailed to
    is known to take mail. Raises Unauthenticated.
    """
    customer_id = uow.session.scalar(
        update(PortalLink)
        .where(*_good(uow, token))
        .values(used_at=uow.now)
        .returning(PortalLink.customer_id)
    )
    if customer_id is None:
        raise Unauthenticated("this sign-in link was used or has expired")
    _hear(uow, token)
    uow.session.execute(
        update(PortalLink)
        .where(PortalLink.customer_id == customer_id, PortalLink.used_at.is_(None))
        .values(used_at=uow.now)
    )
    session_token, session_hash = tokens.make()
    uow.session.add(
        PortalSession(
            token_hash=session_hash,
            customer_id=customer_id,
            expires_at=uow.now + timedelta(days=SESSION_DAYS),
            created_at=uow.now,
        )
    )
    return session_token


def authenticate(uow: UnitOfWork, token: str) -> Customer | None:
    """Whose session it is; of a merged customer the kept one. None when there is none any more."""
    customer = uow.session.scalar(
        select(Customer)
        .join(PortalSession, PortalSession.customer_id == Customer.id)
        .where(PortalSession.token_hash == tokens.digest(token), PortalSession.expires_at > uow.now)
    )
    while customer is not None and customer.merged_into_id is not None:
        customer = uow.session.get(Customer, customer.merged_into_id)
    return customer


def sign_out(uow: UnitOfWork, token: str) -> None:
    uow.session.execute(
        delete(PortalSession).where(PortalSession.token_hash == tokens.digest(token))
    )


def forget(uow: UnitOfWork, *, days: int = 7) -> None:
    """Drop links and sessions that ended `days` ago."""
    before = uow.now - timedelta(days=days)
    for table in (PortalLink, PortalSession):
        uow.session.execute(delete(table).where(table.expires_at < before))


def _hear(uow: UnitOfWork, token: str) -> None:
    """Whoever has the link got the mail it was in. Links of an earlier release name no address."""
    number = token.partition("-")[0]
    mailed_to = uow.session.get(CustomerKey, int(number)) if number.isdecimal() else None
    if mailed_to is not None:
        mailboxes.heard(uow, mailed_to.value, "they signed in by a mailed link")


def _good(uow: UnitOfWork, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        PortalLink.token_hash == tokens.digest(token),
        PortalLink.used_at.is_(None),
        PortalLink.expires_at > uow.now,
    )
