"""Signing in: one-time links, and the sessions they open.

How a session travels (cookie, CSRF) is left to `bridge/auth.py`.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update

from crm.core import audit
from crm.core.errors import Conflict, Unauthenticated
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.staff import tokens
from crm.staff.models import SignInLink, Staff, StaffSession

LINK_MINUTES = 15
SESSION_HOURS = 12


def create_link(
    uow: UnitOfWork, actor: Actor, person: Staff, *, minutes: int = LINK_MINUTES
) -> str:
    """The token of a new one-time link. Raises Conflict (`disabled`)."""
    if not person.is_active:
        raise Conflict("this person is disabled", code="disabled")
    token, token_hash = tokens.make()
    uow.session.add(
        SignInLink(
            token_hash=token_hash,
            staff_id=person.id,
            expires_at=uow.now + timedelta(minutes=minutes),
        )
    )
    audit.write(uow, actor, "sign_in_link.create", f"staff/{person.id}")
    return token


def link_is_good(uow: UnitOfWork, token: str) -> bool:
    """Whether the link would open a session; looking uses nothing up."""
    link = uow.session.get(SignInLink, tokens.digest(token))
    return link is not None and link.used_at is None and link.expires_at > uow.now


def sign_in(uow: UnitOfWork, token: str) -> str:
    """Use the link up and open a session. Returns the session's token.

    Raises Unauthenticated for a link that is unknown, used, expired or of a disabled person.
    """
    used = uow.session.execute(
        update(SignInLink)
        .where(
            SignInLink.token_hash == tokens.digest(token),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > uow.now,
        )
        .values(used_at=uow.now)
        .returning(SignInLink.staff_id)
    ).scalar()
    person = uow.session.get(Staff, used) if used else None
    if person is None or not person.is_active:
        raise Unauthenticated("this sign-in link was used or has expired")
    session_token, session_hash = tokens.make()
    uow.session.add(
        StaffSession(
            token_hash=session_hash,
            staff_id=person.id,
            expires_at=uow.now + timedelta(hours=SESSION_HOURS),
        )
    )
    audit.write(
        uow, Actor("staff", person.name, str(person.id)), "staff.sign_in", f"staff/{person.id}"
    )
    return session_token


def authenticate_session(uow: UnitOfWork, token: str) -> Staff:
    """The person a session belongs to. Raises Unauthenticated."""
    person = uow.session.scalar(
        select(Staff)
        .join(StaffSession, StaffSession.staff_id == Staff.id)
        .where(
            StaffSession.token_hash == tokens.digest(token),
            StaffSession.expires_at > uow.now,
            Staff.is_active,
        )
    )
    if person is None:
        raise Unauthenticated("the session has ended; sign in again")
    return person


def sign_out(uow: UnitOfWork, token: str) -> None:
    uow.session.execute(delete(StaffSession).where(StaffSession.token_hash == tokens.digest(token)))


def forget(uow: UnitOfWork, *, days: int = 7) -> int:
    """Drop links and sessions that ended `days` ago. Returns how many."""
    before = uow.now - timedelta(days=days)
    return sum(
        uow.session.execute(delete(table).where(table.expires_at < before)).rowcount
        for table in (SignInLink, StaffSession)
    )
