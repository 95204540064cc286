"""Every fault as one answer: RFC 9457 problem+json, or a small page for a browser.

An error of our own family tells its code and detail. Anything unknown tells only the request id;
the rest is in the log. People get the words of `problem_words.py` for it.
"""

from __future__ import annotations

import math
from typing import Any

import structlog
from flask import Flask, Response, g, json, make_response, render_template, request
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from bridge import languages, problem_words
from crm.core.errors import MendlineError, Outward
from crm.core.uow import DATABASE_FAULTS

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5
_UNIQUE_VIOLATION = "23505"  # PostgreSQL, Appendix A
_MACHINE_PATHS = ("/api/", "/webhooks/", "/metrics", "/healthz", "/readyz")
_OWN_CODES = {
    400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large",
    415: "wrong-content-type", 422: "invalid", 429: "too-many-requests",
}  # fmt: skip


def init_app(app: Flask) -> None:
    app.register_error_handler(MendlineError, _own)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RateLimitExceeded, _limited)
    for fault in DATABASE_FAULTS:
        app.register_error_handler(fault, _database_away)
    app.register_error_handler(IntegrityError, _lost_race)
    app.register_error_handler(Exception, _unknown)


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    errors: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """errors: field -> sentences, as marshmallow reports them."""
    if _is_for_a_person():
        words = problem_words.told(status, code)
        page = render_template(
            "problem.html", status=status, words=words, request_id=g.request_id, back=_back()
        )
        response = languages.mark(make_response(page, status))
    else:
        body = {
            "type": f"urn:mendline:problem:{code}",
            "title": HTTP_STATUS_CODES.get(status, "Problem"),
            "status": status,
            "detail": detail,
            "code": code,
            "instance": f"urn:mendline:request:{g.request_id}",
            "errors": errors or {},
        }
        response = Response(json.dumps(body), status, mimetype="application/problem+json")
    response.headers.update(headers or {})
    return response


def _is_for_a_person() -> bool:
    if request.path.startswith(_MACHINE_PATHS):
        return False
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def _back() -> str | None:
    """The page of ours that led here, unless it is this very one."""
    came_from = request.referrer or ""
    scheme, _, place = came_from.partition("://")
    if scheme not in ("http", "https") or not place.startswith(f"{request.host}/"):
        return None
    is_here = place.partition("?")[0] == request.host + request.path
    return None if is_here and request.method in ("GET", "HEAD") else came_from


def _own(error: MendlineError) -> Response:
    if isinstance(error, Outward):
        log.warning("outside service", code=error.code, detail=error.detail)
    headers = {}
    after = getattr(error, "after", None)
    if error.retry:
        headers["Retry-After"] = str(math.ceil(after or RETRY_SECONDS))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(
        error.status,
        error.code,
        error.detail,
        errors=getattr(error, "errors", None),
        headers=headers,
    )


def _http(error: HTTPException) -> Response:
    """Faults found by werkzeug, and by webargs, which leaves what it found in `data`."""
    if error.code is None or error.code < 400:
        return error.get_response()
    found = getattr(error, "data", None) or {}
    # `Allow`, `Retry-After` and their like; the content headers are the page's own.
    headers = {
        name: value
        for name, value in error.get_headers(request.environ)
        if not name.lower().startswith("content-")
    }
    if error.code == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    errors = found.get("messages")
    detail = "the request does not fit" if errors else error.description or ""
    return problem(
        error.code,
        _OWN_CODES.get(error.code, "http-error"),
        detail,
        errors=_by_field(errors) if errors else None,
        headers=headers,
    )


def _by_field(messages: dict[str, Any]) -> dict[str, Any]:
    """webargs groups by place in the request; fields have one name whatever their place."""
    fields: dict[str, Any] = {}
    for place, inner in messages.items():
        if isinstance(inner, dict):
            fields.update({str(name): sentences for name, sentences in inner.items()})
        else:
            fields[place] = inner
    return fields


def _limited(error: RateLimitExceeded) -> Response:
    if isinstance(error.response, Response):  # the view's own words
        return error.response
    after = error.limit.limit.get_expiry() if error.limit else RETRY_SECONDS
    return problem(
        429,
        "too-many-requests",
        "too many requests; wait a little",
        headers={"Retry-After": str(after)},
    )


def _database_away(error: Exception) -> Response:
    cause = getattr(error, "orig", None) or error
    log.error("database away", error=type(cause).__name__)
    return problem(
        503,
        "database-away",
        "nothing could be read or stored; try again",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _lost_race(error: IntegrityError) -> Response:
    """Two callers made the same thing at once; the second learns it as if it had come later."""
    if getattr(error.orig, "sqlstate", None) != _UNIQUE_VIOLATION:
        return _unknown(error)
    return problem(409, "already-exists", "somebody made this at the same moment")


def _unknown(error: Exception) -> Response:
    log.error("defect", exc_info=error)
    return problem(500, "defect", f"something went wrong here; request {g.request_id}")
