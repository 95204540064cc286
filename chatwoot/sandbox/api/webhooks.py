"""Account webhooks (api.md 6.9, webhooks.md 7)."""

from __future__ import annotations

from typing import Any

from ..errors import invalid
from ..hooks import SUBSCRIBABLE, SUBSCRIBABLE_RARE, SUBSCRIBABLE_TYPING
from ..shapes import settings
from ..site import Site, new_secret
from ..store import Row
from .base import EMPTY, Caller, endpoint, fields, require_unique, whole

LONGEST_URL_BEFORE = 255


@endpoint("/webhooks", "GET", admin=True)
def index(site: Site, caller: Caller) -> Any:
    rows = site.store.all("webhook")
    return {"payload": {"webhooks": [settings.webhook(site, row) for row in rows]}}


@endpoint("/webhooks", "POST", admin=True)
def create(site: Site, caller: Caller) -> Any:
    values = fields("webhook")
    row = {
        "name": values.get("name"),
        "url": _url(site, values.get("url"), None),
        "subscriptions": _subscriptions(site, values.get("subscriptions", list(SUBSCRIBABLE))),
        "inbox_id": whole(values.get("inbox_id")),
        "secret": site.webhook_secret or new_secret(),
    }
    return {"payload": {"webhook": settings.webhook(site, site.store.insert("webhook", row))}}


@endpoint("/webhooks/<int:webhook_id>", "PATCH", "PUT", admin=True)
def update(site: Site, caller: Caller, webhook_id: int) -> Any:
    row = site.find("webhook", webhook_id)
    values = fields("webhook")
    url = _url(site, values.get("url", row["url"]), row)
    subscriptions = _subscriptions(site, values.get("subscriptions", row["subscriptions"]))
    row |= {"url": url, "subscriptions": subscriptions, "name": values.get("name", row["name"])}
    site.store.save("webhook", row)
    return {"payload": {"webhook": settings.webhook(site, row)}}


@endpoint("/webhooks/<int:webhook_id>", "DELETE", admin=True)
def delete(site: Site, caller: Caller, webhook_id: int) -> Any:
    site.store.delete("webhook", site.find("webhook", webhook_id))
    return EMPTY


def _url(site: Site, url: Any, row: Row | None) -> str:
    text = str(url or "")
    if not text.startswith(("http://", "https://")):
        raise invalid({"url": "Url is invalid"})
    if len(text) > LONGEST_URL_BEFORE and not site.version.has("account_hook_signature"):
        raise invalid({"url": "Url is too long (maximum is 255 characters)"})
    require_unique(site, "webhook", "url", text, row)
    return text


def _subscriptions(site: Site, names: Any) -> list[str]:
    known = set(SUBSCRIBABLE + SUBSCRIBABLE_RARE)
    if site.version.has("typing_hooks"):
        known |= set(SUBSCRIBABLE_TYPING)
    if not isinstance(names, list) or not names or not set(map(str, names)) <= known:
        raise invalid({"subscriptions": "Subscriptions Invalid events"})
    return names
