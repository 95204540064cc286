"""Security headers of every answer a browser may see; a webhook's sender has no use for them.

Styles and scripts are files of our own; nothing inline, nothing from outside. A view that needs
another policy sets it itself first.
"""

from __future__ import annotations

from flask import Flask, Response, request

from bridge.context import Context

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask, context: Context) -> None:
    is_https = context.is_https

    def add(response: Response) -> Response:
        if request.path.startswith("/webhooks/"):
            return response
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        has_token = "token" in (request.view_args or ())
        headers.setdefault("Referrer-Policy", "no-referrer" if has_token else "same-origin")
        if is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    app.after_request(add)
