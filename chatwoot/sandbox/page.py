"""The page where one person plays customer and agent; its data comes from `control.py`."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from .site import current_site

blueprint = Blueprint(
    "page",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/sandbox/static",
)
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@blueprint.get("/")
def index() -> Response:
    site = current_site()
    shown = render_template(
        "sandbox.html", version=site.version.text, account_name=site.account["name"]
    )
    response = make_response(shown)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
