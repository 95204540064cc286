"""Builds the sandbox: a stand-in Chatwoot for trying and testing without Docker.

An independent peer: it knows nothing of the service beside it and talks to it only by HTTP.
"""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from . import api, control, disturb, files, page, widget
from .api.base import answer
from .errors import ApiError
from .faults import Faults
from .hooks import Hooks
from .seed import seed
from .site import Site
from .store import Store
from .versions import Version

log = logging.getLogger(__name__)


def create_sandbox(
    state_path: Path | None,
    *,
    public_url: str,
    webhook_secret: str | None = None,
    version: str = "4.14.1",
) -> Flask:
    """state_path: SQLite file that carries the state over restarts; None keeps it in memory.
    public_url: where the sandbox is reached. webhook_secret: given to every account webhook
    (random without it). version: the Chatwoot release to play; raises ValueError if it is none.

    One process only: the rows live in its memory.
    """
    store = Store(state_path)
    seed(store)
    site = Site(store, Version(version), Faults(), public_url.rstrip("/"), webhook_secret)
    site.hooks = Hooks(site)
    app = Flask(__name__, static_folder=None)
    app.extensions["sandbox"] = site
    disturb.install(app, site)
    for module in (api, files, control, page, widget):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(ApiError, _refusal)
    app.register_error_handler(Exception, _fault)
    return app


def _refusal(error: ApiError) -> Response:
    return answer(error.body, error.status)


def _fault(error: Exception) -> Response | HTTPException:
    """As upstream: an empty answer for no such route, JSON for a crash."""
    if isinstance(error, HTTPException):
        return Response(status=error.code)
    log.exception("sandbox request failed")
    return answer({"status": 500, "error": "Internal Server Error"}, 500)
