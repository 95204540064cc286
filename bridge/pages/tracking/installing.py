"""What makes a tracking page an app on a phone: its manifest, the service worker, a page for offline.

Each link installs as an app of its own, because the link is all that opens it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, url_for
from flask_babel import gettext as _

from bridge import languages
from bridge.context import here
from bridge.pages.answers import answer
from bridge.pages.tracking import tracked

blueprint = Blueprint("installing", __name__)

# The first is what is shown of a page this device does not know.
SHELL = ("mendline.css", "pages.css", "track.css", "track.js", "icon.svg", "icon-192.png")
ICONS = (
    ("icon.svg", "any", "any"),
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable.png", "512x512", "maskable"),
)


@blueprint.get("/track/<token>/manifest.webmanifest")
@tracked.guarded
def manifest(token: str) -> Response:
    with here().units() as uow:
        repair = tracked.repair(uow, token)
        if repair is None:
            return tracked.nothing()
    start = url_for("tracking.track", token=token)
    body = {
        "id": start,
        "start_url": start,
        "scope": start,
        "name": f"{here().shop.name}: {repair.ref}",
        "short_name": repair.ref,
        "description": _("How far your repair is"),
        "lang": languages.chosen(),
        "display": "standalone",
        "background_color": "#f2f2f7",
        "theme_color": "#0062cc",
        "icons": [
            {"src": _static(name), "sizes": sizes, "purpose": purpose, "type": _type(name)}
            for name, sizes, purpose in ICONS
        ],
    }
    response = Response(json.dumps(body), mimetype="application/manifest+json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """The browser asks for it again by itself; another VERSION replaces what it has."""
    folder = Path(current_app.static_folder or "")
    shell = [url_for(".offline"), *map(_static, SHELL)]
    start = f"const VERSION = {json.dumps(_version(folder))};\nconst SHELL = {json.dumps(shell)};\n"
    script = (folder / "sw.js").read_text("utf-8")
    response = Response(start + script, mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response


@blueprint.get("/offline")
def offline() -> Response:
    return answer("pages/offline.html")


@cache
def _version(folder: Path) -> str:
    """Changes with every file it keeps."""
    digest = hashlib.sha256()
    for name in (*SHELL, "sw.js"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def _static(name: str) -> str:
    return url_for("static", filename=name)


def _type(name: str) -> str:
    return "image/svg+xml" if name.endswith(".svg") else "image/png"
