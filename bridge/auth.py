"""Who is calling and whether they may: one gate for /api and /admin, closed unless a view opens it.

A view declares its permission with `@allow("repairs.read")` or `@public`; one that declares
nothing is refused for everybody. What a role may do is in `crm/staff/roles.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from bridge.context import here
from bridge.cookies import SessionCookie
from crm.core.errors import Forbidden, Unauthenticated
from crm.core.events import Actor
from crm.staff import roles, service, sessions

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
_GATED = ("/api/", "/admin")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
COOKIE = SessionCookie("mendline", sessions.SESSION_HOURS * 3600)


@dataclass(frozen=True)
class Principal:
    """kind: `key` or `staff`. id: of the key or the person."""

    kind: str
    id: str
    role: str
    name: str

    @property
    def actor(self) -> Actor:
        return Actor("shop" if self.role == roles.SHOP else "staff", self.name, self.id)

    @property
    def scope(self) -> str:
        return f"{self.kind}/{self.id}"

    @property
    def owner_key(self) -> str | None:
        """A shop system sees its own repairs only; others are not there for it."""
        return self.id if self.role == roles.SHOP else None

    def may(self, permission: str) -> bool:
        return roles.may(self.role, permission)


def allow(permission: str) -> Callable[[View], View]:
    """Open a view to the roles that hold `permission`."""
    if permission not in roles.PERMISSIONS:
        raise ValueError(f"no such permission: {permission}")

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Open a view to everybody."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def permission_of(view: Callable[..., Any]) -> str | None:
    return getattr(view, "permission", None)


def principal() -> Principal:
    """Who is calling. Raises Unauthenticated."""
    if "principal" not in g:
        g.principal = _identify()
    return g.principal


def need(permission: str | None) -> Principal:
    """The caller, who must hold `permission`; None is held by nobody.

    A view asks for what depends on its input; the rest is `@allow`. Raises Unauthenticated, Forbidden.
    """
    caller = principal()
    if permission is None or not caller.may(permission):
        raise Forbidden("your role does not allow this")
    return caller


def init_app(app: Flask) -> None:
    app.before_request(_gate)
    app.jinja_env.globals["csrf_token"] = COOKIE.csrf_token


def _gate() -> None:
    if request.endpoint is None or not request.path.startswith(_GATED):
        return
    permission = permission_of(current_app.view_functions[request.endpoint])
    if permission == PUBLIC:
        return
    need(permission)


def _identify() -> Principal:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        with here().units() as uow:
            key = service.authenticate_key(uow, token.strip())
        return Principal("key", key.id, key.role, key.name)
    token = COOKIE.token()
    if not token:
        raise Unauthenticated("send a key as `Authorization: Bearer …`, or sign in")
    with here().units() as uow:
        person = sessions.authenticate_session(uow, token)
    if request.method not in _SAFE_METHODS:
        COOKIE.check_csrf()
    return Principal("staff", str(person.id), person.role, person.name)


def refuse_foreign_form() -> None:
    """For a form that opens a session: it must have been sent from one of our own pages."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this form was sent from another site", code="csrf")
