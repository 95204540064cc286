"""Agent bots (api.md 5.4)."""

from __future__ import annotations

from typing import Any

from ..errors import invalid, not_found
from ..shapes import settings
from ..site import Site, new_secret
from .base import Caller, endpoint, fields

EDITABLE = ("name", "description", "outgoing_url", "bot_config")


@endpoint("/agent_bots", "GET")
def index(site: Site, caller: Caller) -> Any:
    return [settings.bot(site, row, admin=caller.is_admin) for row in site.store.all("bot")]


@endpoint("/agent_bots", "POST", admin=True)
def create(site: Site, caller: Caller) -> Any:
    values = fields()
    if not values.get("name"):
        raise invalid({"name": "Name can't be blank"})
    row = {
        "name": values["name"],
        "description": values.get("description"),
        "outgoing_url": values.get("outgoing_url"),
        "bot_type": "webhook",
        "bot_config": values.get("bot_config") or {},
        "access_token": new_secret(),
        "secret": new_secret(),
    }
    return settings.bot(site, site.store.insert("bot", row), admin=True)


@endpoint("/agent_bots/<int:bot_id>", "GET")
def show(site: Site, caller: Caller, bot_id: int) -> Any:
    return settings.bot(site, site.find("bot", bot_id), admin=caller.is_admin)


@endpoint("/agent_bots/<int:bot_id>", "PATCH", "PUT", admin=True)
def update(site: Site, caller: Caller, bot_id: int) -> Any:
    row = site.find("bot", bot_id)
    values = fields()
    row |= {key: values[key] for key in EDITABLE if key in values}
    site.store.save("bot", row)
    return settings.bot(site, row, admin=True)


@endpoint("/agent_bots/<int:bot_id>/reset_secret", "POST", admin=True)
def reset_secret(site: Site, caller: Caller, bot_id: int) -> Any:
    row = site.find("bot", bot_id)
    if not site.version.has("all_hook_signatures"):
        raise not_found()
    row["secret"] = new_secret()
    site.store.save("bot", row)
    return settings.bot(site, row, admin=True)
