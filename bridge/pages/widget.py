"""The chat widget of the pages: `/widget.js`, who may be introduced to it, and the policy it needs.

A page shows it by `{{ chat() }}` in its layout. Where Chatwoot is not connected there is none, and
the page is as closed as every other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, make_response, request

from bridge.context import Context, here
from bridge.headers import POLICY
from bridge.limits import BOOKING_PAGES, limiter
from chatwoot import widget
from chatwoot.integration import Secrets, Told
from chatwoot.widget import Widget

blueprint = Blueprint("widget", __name__)

_SOURCE = Path(__file__).parents[1] / "static" / "chat.js"
_SECRETS = "mendline-widget"
_KEPT_SECONDS = 300


def init_app(app: Flask, context: Context) -> None:
    told = context.settings.chatwoot
    app.extensions[_SECRETS] = Secrets(
        Told(told.account_id, (), None, ()), context.units, context.seal
    )
    app.jinja_env.globals["chat"] = chat
    app.register_blueprint(blueprint)
    app.after_request(_allow)


def current() -> Widget | None:
    """The widget, None while Chatwoot is not connected or has no website inbox."""
    if "widget" not in g:
        told = here().settings.chatwoot
        learned = current_app.extensions[_SECRETS].learned
        url = told.url and widget.beside(told.url, request.host)
        g.widget = widget.current(url, told.website_token, told.hmac_token, learned)
    return g.widget


def chat() -> dict[str, Any] | None:
    """For a layout that shows the widget: attributes of its script; None when there is none.

    Asked once for a page, because the answer's policy is opened for it.
    """
    shown = current()
    if shown is None:
        return None
    g.shows_widget = True
    return g.get("introduced", {})


def introduce(identifier: str, name: str) -> None:
    """Tell the widget who is looking. Only for a visitor who has proven to be that customer."""
    shown = current()
    proof = shown.identity_hash(identifier) if shown else None
    if proof is not None:
        g.introduced = {"identifier": identifier, "hash": proof, "name": name[:255]}


@blueprint.get("/widget.js")
@limiter.limit(BOOKING_PAGES)
def loader() -> Response:
    """The script of the chat button: for our pages, and for any other page of the shop."""
    shown = current()
    told = {"url": shown.url, "token": shown.website_token} if shown else None
    # `<` cannot end a script element that somebody copies this into.
    config = json.dumps(told).replace("<", "\\u003c")
    source = _SOURCE.read_text(encoding="utf-8")
    response = make_response(f"const CHATWOOT = {config};\n{source}")
    response.headers["Content-Type"] = "text/javascript; charset=utf-8"
    response.headers["Cache-Control"] = f"public, max-age={_KEPT_SECONDS if shown else 0}"
    return response


def _allow(response: Response) -> Response:
    """Chatwoot's script writes a style element of its own, and nothing can vouch for that.

    The script is trusted with the page already; a style is the lesser trust.
    """
    if not g.get("shows_widget"):
        return response
    origin = current().origin
    opened = {
        "style-src 'self'": "style-src 'self' 'unsafe-inline'",
        "script-src 'self'": f"script-src 'self' {origin}",
        "connect-src 'self'": f"connect-src 'self' {origin}",
        "img-src 'self' data:": f"img-src 'self' data: {origin}",
    }
    policy = POLICY
    for closed, wider in opened.items():
        policy = policy.replace(closed, wider)
    response.headers.setdefault("Content-Security-Policy", f"{policy}; frame-src {origin}")
    return response
