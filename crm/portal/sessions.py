"""Signing in to the portal: one-time links, and the sessions they open.

Who gets a link is decided in `asking.py`; how a session travels is `bridge/pages/portal/access.py`'s.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select, update

from crm.core.errors import Unauthenticated
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.portal.models import PortalLink, PortalSession
from crm.staff import tokens

LINK_MINUTES = 15
SESSION_DAYS = 30


def create_link(uow: UnitOfWork, customer_id: int) -> tuple[int, str]:
    """The id and the token of a new link."""
    token, token_hash = tokens.make()
    link = PortalLink(
        token_hash=token_hash,
        customer_id=customer_id,
        expires_at=uow.now + timedelta(minutes=LINK_MINUTES),
        created_at=uow.now,
    )
    uow.session.add(link)
    uow.session.flush()
    return link.id, token


def links_since(uow: UnitOfWork, customer_id: int, ago: timedelta) -> int:
    made = select(func.count()).where(
        PortalLink.customer_id == customer_id, PortalLink.created_at > uow.now - ago
    )
    return uow.session.scalar(made) or 0


def link_is_good(uow: UnitOfWork, token: str) -> bool:
    """Whether the link would open a session; looking uses nothing up."""
    good = select(PortalLink.id).where(
        PortalLink.token_hash == tokens.digest(token),
        PortalLink.used_at.is_(None),
        PortalLink.expires_at > uow.now,
    )
    return uow.session.scalar(good) is not None


def sign_in(uow: UnitOfWork, token: str) -> str:
    """Use the link up and open a session. Returns the session's token.

    Other links sent to this customer open nothing any more. Raises Unauthenticated.
    """
    customer_id = uow.session.scalar(
        update(PortalLink)
        .where(
            PortalLink.token_hash == tokens.digest(token),
            PortalLink.used_at.is_(None),
            PortalLink.expires_at > uow.now,
        )
        .values(used_at=uow.now)
        .returning(PortalLink.customer_id)
    )
    if customer_id is None:
        raise Unauthenticated("this sign-in link was used or has expired")
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
