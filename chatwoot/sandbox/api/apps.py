"""Dashboard apps and macros (api.md 6.8 and 6.10)."""

from __future__ import annotations

import re
from typing import Any

from ..errors import ApiError, invalid
from ..shapes import settings
from ..site import Site
from .base import EMPTY, Caller, answer, chosen, dated, endpoint, fields


@endpoint("/dashboard_apps", "GET")
def dashboard_apps(site: Site, caller: Caller) -> Any:
    return [settings.dashboard_app(row) for row in site.store.all("dashboard_app")]


@endpoint("/dashboard_apps/<int:app_id>", "GET")
def show_dashboard_app(site: Site, caller: Caller, app_id: int) -> Any:
    return settings.dashboard_app(site.find("dashboard_app", app_id))


@endpoint("/dashboard_apps", "POST")
def create_dashboard_app(site: Site, caller: Caller) -> Any:
    values = fields("dashboard_app")
    row = {"title": values.get("title"), "content": _frames(values.get("content"))}
    if not row["title"]:
        raise invalid({"title": "Title can't be blank"})
    return settings.dashboard_app(site.store.insert("dashboard_app", dated(row)))


@endpoint("/dashboard_apps/<int:app_id>", "PATCH", "PUT")
def update_dashboard_app(site: Site, caller: Caller, app_id: int) -> Any:
    row = site.find("dashboard_app", app_id)
    values = fields("dashboard_app")
    row["title"] = values.get("title", row["title"])
    if "content" in values:
        row["content"] = _frames(values["content"])
    site.store.save("dashboard_app", row)
    return settings.dashboard_app(row)


@endpoint("/dashboard_apps/<int:app_id>", "DELETE")
def delete_dashboard_app(site: Site, caller: Caller, app_id: int) -> Any:
    site.store.delete("dashboard_app", site.find("dashboard_app", app_id))
    return answer(EMPTY, 204)


def _frames(content: Any) -> list[dict[str, str]]:
    frames = content if isinstance(content, list) else []
    fits = all(
        isinstance(item, dict)
        and set(item) == {"type", "url"}
        and item["type"] == "frame"
        and re.match(r"https?://", str(item["url"]))
        for item in frames
    )
    if not frames or not fits:
        raise invalid({"content": "Content : Invalid data"})
    return frames


@endpoint("/macros", "GET")
def macros(site: Site, caller: Caller) -> Any:
    return {"payload": [settings.macro(site, row) for row in site.store.all("macro")]}


@endpoint("/macros", "POST")
def create_macro(site: Site, caller: Caller) -> Any:
    values = fields()
    row = {**_macro(values), "created_by_id": caller.row["id"]}
    return {"payload": settings.macro(site, site.store.insert("macro", row))}


@endpoint("/macros/<int:macro_id>", "GET")
def show_macro(site: Site, caller: Caller, macro_id: int) -> Any:
    return {"payload": settings.macro(site, site.find("macro", macro_id))}


@endpoint("/macros/<int:macro_id>", "PATCH", "PUT")
def update_macro(site: Site, caller: Caller, macro_id: int) -> Any:
    row = site.find("macro", macro_id)
    row |= _macro({key: row[key] for key in ("name", "visibility", "actions")} | fields())
    site.store.save("macro", row)
    return {"payload": settings.macro(site, row)}


@endpoint("/macros/<int:macro_id>", "DELETE")
def delete_macro(site: Site, caller: Caller, macro_id: int) -> Any:
    site.store.delete("macro", site.find("macro", macro_id))
    return EMPTY


def _macro(values: dict[str, Any]) -> dict[str, Any]:
    if not values.get("name"):
        raise ApiError(422, {"error": {"name": ["can't be blank"]}})
    visibility = chosen(values.get("visibility"), ("personal", "global")) or "personal"
    actions = values.get("actions") or []
    return {"name": values["name"], "visibility": visibility, "actions": actions}
