"""Labels and canned responses (api.md 6.3 and 6.4)."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from ..errors import invalid
from ..shapes import settings
from ..site import Site
from ..store import Row
from ..times import now
from .base import EMPTY, Caller, dated, endpoint, fields, require_unique

TITLE = re.compile(r"[^\W_][\w-]+")
LABEL_FIELDS = {"description": None, "color": "#1f93ff", "show_on_sidebar": None}


@endpoint("/labels", "GET")
def labels(site: Site, caller: Caller) -> Any:
    return {"payload": [settings.label(row) for row in site.store.all("label")]}


@endpoint("/labels", "POST", admin=True)
def create_label(site: Site, caller: Caller) -> Any:
    values = fields("label")
    title = _title(site, values, None)
    extra = {key: values.get(key, default) for key, default in LABEL_FIELDS.items()}
    return settings.label(site.store.insert("label", {"title": title, **extra}))


@endpoint("/labels/<int:label_id>", "GET", admin=True)
def show_label(site: Site, caller: Caller, label_id: int) -> Any:
    return settings.label(site.find("label", label_id))


@endpoint("/labels/<int:label_id>", "PATCH", "PUT", admin=True)
def update_label(site: Site, caller: Caller, label_id: int) -> Any:
    row = site.find("label", label_id)
    values = fields("label")
    if "title" in values:
        row["title"] = _title(site, values, row)
    row |= {key: values[key] for key in LABEL_FIELDS if key in values}
    site.store.save("label", row)
    return settings.label(row)


@endpoint("/labels/<int:label_id>", "DELETE", admin=True)
def delete_label(site: Site, caller: Caller, label_id: int) -> Any:
    site.store.delete("label", site.find("label", label_id))
    return EMPTY


def _title(site: Site, values: dict[str, Any], row: Row | None) -> str:
    title = str(values.get("title") or "").lower()
    if not TITLE.fullmatch(title):
        raise invalid({"title": "Title is invalid"})
    require_unique(site, "label", "title", title, row)
    return title


@endpoint("/canned_responses", "GET")
def canned_responses(site: Site, caller: Caller) -> Any:
    wanted = request.args.get("search", "").lower()
    rows = site.store.all("canned")
    texts = ((row, f"{row['short_code']}\n{row['content']}".lower()) for row in rows)
    return [settings.canned(row) for row, text in texts if wanted in text]


@endpoint("/canned_responses", "POST")
def create_canned_response(site: Site, caller: Caller) -> Any:
    values = fields("canned_response")
    _check_canned(site, values, None)
    keys = ("short_code", "content")
    return settings.canned(site.store.insert("canned", dated({k: values[k] for k in keys})))


@endpoint("/canned_responses/<int:canned_id>", "PATCH", "PUT")
def update_canned_response(site: Site, caller: Caller, canned_id: int) -> Any:
    row = site.find("canned", canned_id)
    values = {key: row[key] for key in ("short_code", "content")} | fields("canned_response")
    _check_canned(site, values, row)
    row |= {"short_code": values["short_code"], "content": values["content"], "updated_at": now()}
    site.store.save("canned", row)
    return settings.canned(row)


@endpoint("/canned_responses/<int:canned_id>", "DELETE")
def delete_canned_response(site: Site, caller: Caller, canned_id: int) -> Any:
    site.store.delete("canned", site.find("canned", canned_id))
    return EMPTY


def _check_canned(site: Site, values: dict[str, Any], row: Row | None) -> None:
    for key, words in (("short_code", "Short code"), ("content", "Content")):
        if not values.get(key):
            raise invalid({key: f"{words} can't be blank"})
    require_unique(site, "canned", "short_code", values["short_code"], row)
