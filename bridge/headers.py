"""Security headers of every answer. A view that needs another policy sets it itself first."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

from bridge.context import Context

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; script-src 'self'{nonce}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PLAIN_POLICY = _POLICY.format(nonce="")


def init_app(app: Flask, context: Context) -> None:
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    is_https = context.is_https

    def add(response: Response) -> Response:
        headers = response.headers
        nonce = g.get("csp_nonce")
        policy = _POLICY.format(nonce=f" 'nonce-{nonce}'") if nonce else _PLAIN_POLICY
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        has_token = "token" in (request.view_args or ())
        headers.setdefault("Referrer-Policy", "no-referrer" if has_token else "same-origin")
        if is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    app.after_request(add)


def csp_nonce() -> str:
    """For an inline script of a template: one value for the whole answer."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce
