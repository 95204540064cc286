"""Routes outside an account: version, health and the caller's own profile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response

from ..errors import not_found, unauthorized
from ..shapes import settings
from ..site import Site, current_site
from .base import Caller, answer, blueprint, endpoint, find_caller


@blueprint.get("/api")
def version() -> Response:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return answer(
        {
            "version": current_site().version.text,
            "timestamp": stamp,
            "queue_services": "ok",
            "data_services": "ok",
        }
    )


@blueprint.get("/health")
def health() -> Response:
    if not current_site().version.has("health"):
        raise not_found()
    return answer({"status": "woot"})


@blueprint.get("/api/v1/profile")
def profile() -> Response:
    site = current_site()
    with site.store.transaction():
        caller = find_caller(site)
        if caller.kind == "bot":
            raise unauthorized("Access to this endpoint is not authorized for bots")
        return answer(settings.profile(site, caller.row))


@endpoint("", "GET")
def account(site: Site, caller: Caller) -> Any:
    return {
        "id": site.account["id"],
        "name": site.account["name"],
        "locale": "en",
        "domain": None,
        "support_email": None,
        "features": {},
        "status": "active",
        "latest_chatwoot_version": site.version.text,
    }
