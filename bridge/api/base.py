"""What every resource shares: strict parsing, pages, and creating once per Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import flask_smorest
from flask import Response, jsonify, make_response, request
from itsdangerous import BadData, URLSafeSerializer
from marshmallow import RAISE, Schema, fields
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import UnsupportedMediaType

from bridge.api.fields import Strict, Text, Whole
from bridge.auth import COOKIE, principal
from bridge.context import here
from crm.core import idempotency
from crm.core.errors import Invalid
from crm.core.idempotency import Answer
from crm.core.paging import Page
from crm.core.strictjson import parse
from crm.core.uow import UnitOfWork

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "The same key and body give the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.MOST_SIGNS},
}


class Parser(FlaskParser):
    """Unknown names are refused wherever they stand; bodies are JSON or nothing."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE, "path": RAISE}

    def load_json(self, req: Any, schema: Schema) -> Any:
        raw = req.get_data(cache=True)
        if not raw:
            return missing
        if not is_json_request(req):
            raise UnsupportedMediaType("send application/json")
        return parse(raw)


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = Parser()


class ListQuery(Strict):
    """The parameters of every list; a resource adds its filters by inheriting."""

    limit = Whole(1, 100, load_default=50)
    cursor = Text(1000)


class Meta(Schema):
    next_cursor = fields.String(required=True, allow_none=True)


@cache
def list_of(item: type[Schema]) -> type[Schema]:
    """The envelope of a list of `item`."""
    parts = {
        "data": fields.List(fields.Nested(item), required=True),
        "meta": fields.Nested(Meta, required=True),
    }
    return Schema.from_dict(parts, name=f"{item.__name__}List")


def paged(
    query: dict[str, Any], read: Callable[..., Page], make: Callable[[Any], Any] = lambda item: item
) -> dict[str, Any]:
    """One page as `list_of` dumps it.

    read: called with `limit` and `after`. make: shapes one item.
    """
    after = open_cursor(query["cursor"]) if "cursor" in query else None
    page = read(limit=query["limit"], after=after)
    return {
        "data": [make(item) for item in page.items],
        "meta": {"next_cursor": close_cursor(page.next) if page.next else None},
    }


def _cursor_signer() -> URLSafeSerializer:
    settings = here().settings
    keys = [*reversed(settings.secret_key_fallbacks), settings.secret_key]
    # A cursor of one list means nothing to another.
    return URLSafeSerializer(keys, salt=f"cursor:{request.endpoint}")


def close_cursor(position: list[Any]) -> str:
    plain = [one.isoformat() if isinstance(one, date) else one for one in position]
    return _cursor_signer().dumps(plain)


def open_cursor(cursor: str) -> list[Any]:
    try:
        return _cursor_signer().loads(cursor)
    except BadData as error:
        raise Invalid(
            "unknown cursor", errors={"cursor": ["Not a cursor of this list."]}
        ) from error


def create(
    out: type[Schema],
    work: Callable[[UnitOfWork], Any],
    *,
    status: int = 201,
    fingerprint: str | None = None,
) -> Response:
    """Run a creating request in one unit of work, once per Idempotency-Key if there is one.

    work: gets the unit, returns what `out` dumps. Raises what it raises; nothing is stored then.
    fingerprint: tells requests apart whose body is not JSON.
    """
    return respond(once(out, work, status=status, fingerprint=fingerprint))


def once(
    out: type[Schema],
    work: Callable[[UnitOfWork], Any],
    *,
    status: int = 201,
    fingerprint: str | None = None,
) -> Answer:
    """`create` for a view that has more to do before it answers."""
    context = here()
    with context.units() as uow:

        def run() -> Answer:
            result = work(uow)
            uow.session.flush()
            return Answer(status, out().dump(result))

        key = request.headers.get("Idempotency-Key")
        if key is None:
            return run()
        if not 0 < len(key) <= idempotency.MOST_SIGNS:
            raise Invalid(f"Idempotency-Key: give 1 to {idempotency.MOST_SIGNS} characters")
        return idempotency.once(
            uow,
            context.seal,
            scope=_scope(),
            key=key,
            fingerprint=fingerprint or _fingerprint(),
            work=run,
        )


def respond(answer: Answer) -> Response:
    response = make_response(jsonify(answer.body), answer.status)
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _scope() -> str:
    """Whose Idempotency-Key it is. A guest of a public view is known by address alone."""
    is_guest = "Authorization" not in request.headers and not COOKIE.token()
    return f"guest/{request.remote_addr}" if is_guest else principal().scope


def _fingerprint() -> str:
    """The request without its spelling: blanks and the order of fields do not count."""
    raw = request.get_data(cache=True)
    body = json.dumps(parse(raw), sort_keys=True) if raw else ""
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
