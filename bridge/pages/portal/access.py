"""Who is signed in to the portal: the cookie, its CSRF token, and the one gate of its forms.

Staff have a cookie and a token of their own (`bridge/auth.py`); neither opens the other's pages.
"""

from __future__ import annotations

import hashlib
import hmac

from flask import request
from werkzeug.wrappers import Response

from bridge.auth import refuse_foreign_form
from bridge.context import here
from crm.core.errors import Forbidden, Unauthenticated
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.portal import sessions


def customer(uow: UnitOfWork) -> Customer | None:
    """Who is signed in, None when nobody is."""
    token = session_token()
    return sessions.authenticate(uow, token) if token else None


def writer(uow: UnitOfWork) -> Customer:
    """Who sends this form. Raises Forbidden (`csrf`), Unauthenticated."""
    refuse_foreign_form()
    given = request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise Forbidden("the form is out of date; load the page again", code="csrf")
    found = customer(uow)
    if found is None:
        raise Unauthenticated("you are signed out; sign in again")
    return found


def session_token() -> str | None:
    return request.cookies.get(_cookie_name())


def csrf_token() -> str:
    """Bound to the session: without its cookie nobody can work it out."""
    key = here().settings.secret_key.encode()
    message = f"portal-csrf:{session_token() or ''}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def start_session(response: Response, token: str) -> None:
    response.set_cookie(
        _cookie_name(),
        token,
        max_age=sessions.SESSION_DAYS * 24 * 3600,
        secure=here().is_https,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def end_session(response: Response) -> None:
    response.delete_cookie(
        _cookie_name(), secure=here().is_https, httponly=True, samesite="Lax", path="/"
    )


def _cookie_name() -> str:
    # Browsers keep a __Host- cookie to this very host, and only over https.
    return "__Host-mendline-me" if here().is_https else "mendline-me"
