"""Every request has an id: the caller's if it is harmless, else a new one."""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, g, request

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init_app(app: Flask) -> None:
    app.before_request(_choose)
    app.after_request(_tell)


def _choose() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _HARMLESS.fullmatch(given) else secrets.token_hex(12)


def _tell(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    return response
