"""Who is signed in to the portal: the cookie, its CSRF token, and the one gate of its forms.

Staff have a cookie and a token of their own (`bridge/auth.py`); neither opens the other's pages.
"""

from __future__ import annotations

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.cookies import SessionCookie
from crm.core.errors import Unauthenticated
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.portal import sessions

COOKIE = SessionCookie("mendline-me", sessions.SESSION_DAYS * 24 * 3600)


def customer(uow: UnitOfWork) -> Customer | None:
    """Who is signed in, None when nobody is."""
    token = COOKIE.token()
    found = sessions.authenticate(uow, token) if token else None
    languages.speak(found.locale if found else None)
    return found


def writer(uow: UnitOfWork) -> Customer:
    """Who sends this form. Raises Forbidden (`csrf`), Unauthenticated."""
    refuse_foreign_form()
    # First, so that a refusal is in their language.
    found = customer(uow)
    COOKIE.check_csrf()
    if found is None:
        raise Unauthenticated("you are signed out; sign in again")
    return found
