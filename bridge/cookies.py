"""The cookie of a signed-in session, and the CSRF token bound to it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from flask import request
from werkzeug.wrappers import Response

from bridge.context import here
from crm.core.errors import Forbidden


@dataclass(frozen=True)
class SessionCookie:
    """name: each kind of session has its own, and neither opens the other's pages. seconds: its age."""

    name: str
    seconds: int

    def token(self) -> str | None:
        return request.cookies.get(self._name)

    def start(self, response: Response, token: str) -> None:
        response.set_cookie(
            self._name,
            token,
            max_age=self.seconds,
            secure=here().is_https,
            httponly=True,
            samesite="Lax",
            path="/",
        )

    def end(self, response: Response) -> None:
        response.delete_cookie(
            self._name, secure=here().is_https, httponly=True, samesite="Lax", path="/"
        )

    def csrf_token(self) -> str:
        """Bound to the session: without its cookie nobody can work it out."""
        key = here().settings.secret_key.encode()
        message = f"csrf:{self.name}:{self.token() or ''}".encode()
        return hmac.new(key, message, hashlib.sha256).hexdigest()

    def check_csrf(self) -> None:
        """Raises Forbidden (`csrf`)."""
        given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
        if not hmac.compare_digest(given.encode(), self.csrf_token().encode()):
            raise Forbidden("the CSRF token is missing or wrong; load the page again", code="csrf")

    @property
    def _name(self) -> str:
        # Browsers keep a __Host- cookie to this very host, and only over https.
        return f"__Host-{self.name}" if here().is_https else self.name
