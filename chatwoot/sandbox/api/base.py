"""What all API routes share: tokens and roles, the lock, request fields and JSON answers.

Source: api.md 1.1 to 1.5. Throttles and faults around the routes are `disturb.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from ..errors import ApiError, broken, not_signed_in, refused, taken, unauthorized
from ..site import ACCOUNT_ID, Site, current_site
from ..store import Row
from ..times import now

blueprint = Blueprint("api", __name__)
# WSGI knows no difference between this and `api_access_token`; gunicorn drops the latter.
TOKEN_HEADER = "Api-Access-Token"


@dataclass(frozen=True)
class Caller:
    """Whose token came with the request. kind: "agent" (a user) or "bot"."""

    kind: str
    row: Row

    @property
    def is_admin(self) -> bool:
        return self.kind == "agent" and self.row["role"] == "administrator"

    @property
    def sender(self) -> tuple[str, int]:
        return ("User" if self.kind == "agent" else "AgentBot", self.row["id"])


def answer(body: Any, status: int = 200) -> Response:
    """JSON, or an empty body for an empty text."""
    text = body if body == "" else json.dumps(body, separators=(",", ":"))
    return Response(text, status, mimetype="application/json")


EMPTY = ""


def endpoint(
    rule: str, *methods: str, admin: bool = False, bots: bool | str = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register `view(site, caller, **path)` under the account; it answers a JSON value.

    admin: administrators only. bots: whether bot tokens may call it, or since which feature.
    """

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        def run(account_id: int, **path: Any) -> Response:
            site = current_site()
            with site.store.transaction():
                caller = _authorize(site, account_id, admin, bots)
                result = view(site, caller, **path)
                return result if isinstance(result, Response) else answer(result)

        rule_full = f"/api/v1/accounts/<int:account_id>{rule}"
        name = f"{view.__module__.rsplit('.', 1)[-1]}_{view.__name__}"
        blueprint.add_url_rule(rule_full, name, run, methods=list(methods))
        return view

    return register


def find_caller(site: Site) -> Caller:
    """Raises ApiError 401 without a token or with an unknown one."""
    token = request.headers.get(TOKEN_HEADER)
    if not token:
        raise not_signed_in()
    owner = site.store.token_owner.get(token)
    if owner is None:
        raise unauthorized("Invalid Access Token")
    return Caller(*owner)


def _authorize(site: Site, account_id: int, admin: bool, bots: bool | str) -> Caller:
    caller = find_caller(site)
    if account_id != ACCOUNT_ID:
        raise unauthorized("You are not authorized to access this account")
    if caller.kind == "bot":
        if not (site.version.has(bots) if isinstance(bots, str) else bots):
            raise unauthorized("Access to this endpoint is not authorized for bots")
    elif admin and not caller.is_admin:
        raise unauthorized()
    return caller


def may_see(site: Site, caller: Caller, conversation: Row) -> bool:
    """Agents see conversations of inboxes they are members of; administrators all."""
    if caller.kind == "bot" or caller.is_admin:
        return True
    return caller.row["id"] in site.find("inbox", conversation["inbox_id"])["member_ids"]


def find_conversation(site: Site, caller: Caller, number: int) -> Row:
    """Raises ApiError 404 when missing, 401 when this agent may not see it."""
    row = site.find("conversation", number)
    if not may_see(site, caller, row):
        raise unauthorized()
    return row


def fields(root: str | None = None) -> dict[str, Any]:
    """The request's fields: JSON body, else form, over the query string.

    root: the controller's root key, whose object is preferred when present; an empty body is
    then refused as Rails does (422 param is missing).
    """
    query = {key: _plain(request.args.getlist(key), key) for key in request.args}
    if request.mimetype == "application/json" and request.get_data():
        body = _json_body()
    else:
        body = {key: _plain(request.form.getlist(key), key) for key in request.form}
    values = {key.removesuffix("[]"): value for key, value in {**query, **body}.items()}
    if root is None:
        return values
    inner = values.get(root, values)
    if not inner or not isinstance(inner, dict):
        raise refused(f"param is missing or the value is empty: {root}")
    return inner


def _json_body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if body is None:
        raise ApiError(400, {"status": 400, "error": "Bad Request"})
    return body if isinstance(body, dict) else {"_json": body}


def _plain(values: list[str], key: str) -> Any:
    return values if key.endswith("[]") else values[-1]


def whole(value: Any) -> int | None:
    """A number from JSON or text; None stays None, anything else is the API's 500."""
    if value is None or value == "":
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise broken() from None


def flag(value: Any) -> bool:
    """How Rails reads a boolean from JSON or a form."""
    return value not in (None, False, "", 0, "0", "f", "false", "FALSE", "off")


def chosen(value: Any, allowed: tuple[str, ...]) -> Any:
    """A value of an enum or None; an unknown one is the API's 500."""
    if value is not None and value not in allowed:
        raise broken()
    return value


def page_of(rows: list[Row], size: int) -> tuple[list[Row], int | str]:
    """One page, and current_page as the API echoes it: text when it was sent, else 1."""
    sent = request.args.get("page")
    number = max(whole(sent) or 1, 1)
    return rows[(number - 1) * size : number * size], sent if sent is not None else 1


def require_unique(
    site: Site, kind: str, key: str, value: Any, row: Row | None, **same: Any
) -> None:
    """Raises ApiError 422 when another row of the kind, alike in `same`, has the value."""
    for other in site.store.all(kind):
        alike = all(other[name] == wanted for name, wanted in same.items())
        if other is not row and alike and other[key] == value:
            raise taken(key)


def dated(row: Row) -> Row:
    """The row with both its dates set to now."""
    moment = now()
    return {**row, "created_at": moment, "updated_at": moment}
