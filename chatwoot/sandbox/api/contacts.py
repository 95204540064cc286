"""Contacts of the account (api.md 2)."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from ..filters import filter_contacts
from ..rules.contacts import (
    create_contact,
    find_or_create_session,
    save_contact,
    update_contact,
)
from ..shapes import rest, settings
from ..site import Site
from ..store import Row
from .base import EMPTY, Caller, endpoint, fields, flag, page_of, whole

PAGE = 15
CONVERSATIONS_SHOWN = 20
SORT_KEYS = ("name", "email", "phone_number", "last_activity_at", "created_at")


def _identified(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["email"] or row["phone_number"] or row["identifier"]]


def _shown(site: Site, caller: Caller, row: Row) -> dict[str, Any]:
    wanted = flag(request.args.get("include_contact_inboxes", "true"))
    return rest.contact(site, row, inboxes=wanted, admin=caller.is_admin)


def _sorted(rows: list[Row]) -> list[Row]:
    sort = request.args.get("sort", "")
    key = sort.removeprefix("-")
    if key not in SORT_KEYS:
        return rows
    present = [row for row in rows if row[key] is not None]
    absent = [row for row in rows if row[key] is None]
    return sorted(present, key=lambda row: row[key], reverse=sort.startswith("-")) + absent


def _page(site: Site, caller: Caller, rows: list[Row]) -> dict[str, Any]:
    page, current = page_of(_sorted(rows), PAGE)
    meta = {"count": len(rows), "current_page": current}
    return {"meta": meta, "payload": [_shown(site, caller, row) for row in page]}


@endpoint("/contacts", "GET")
def index(site: Site, caller: Caller) -> Any:
    return _page(site, caller, _identified(site.store.all("contact")))


@endpoint("/contacts", "POST")
def create(site: Site, caller: Caller) -> Any:
    values = fields()
    inbox = None
    if values.get("inbox_id"):
        inbox = site.find("inbox", whole(values["inbox_id"]))
    row = create_contact(site, values)
    session = None
    if inbox:
        session = find_or_create_session(site, row, inbox, values.get("source_id"))
    return {
        "payload": {
            "contact": rest.contact(site, row, inboxes=True, admin=caller.is_admin),
            "contact_inbox": {
                "inbox": settings.raw_inbox(site, inbox) if inbox else None,
                "source_id": session["source_id"] if session else None,
            },
        }
    }


@endpoint("/contacts/<int:contact_id>", "GET")
def show(site: Site, caller: Caller, contact_id: int) -> Any:
    return {"payload": _shown(site, caller, site.find("contact", contact_id))}


@endpoint("/contacts/<int:contact_id>", "PUT", "PATCH")
def update(site: Site, caller: Caller, contact_id: int) -> Any:
    row = site.find("contact", contact_id)
    update_contact(site, row, fields())
    return {"payload": rest.contact(site, row, inboxes=True, admin=caller.is_admin)}


@endpoint("/contacts/<int:contact_id>", "DELETE", admin=True)
def destroy(site: Site, caller: Caller, contact_id: int) -> Any:
    """With all conversations. Nobody is ever online here: that refusal is a fault switch's work."""
    site.find("contact", contact_id)
    gone = {("contact", contact_id)}
    gone |= {("session", session["id"]) for session in site.store.sessions_of[contact_id]}
    for conversation in site.store.conversations_of[contact_id]:
        gone.add(("conversation", conversation["id"]))
        gone |= {("message", row["id"]) for row in site.store.messages_of[conversation["id"]]}
    site.store.forget(gone)
    return EMPTY


@endpoint("/contacts/<int:contact_id>/destroy_custom_attributes", "POST")
def destroy_custom_attributes(site: Site, caller: Caller, contact_id: int) -> Any:
    row = site.find("contact", contact_id)
    gone = set(fields().get("custom_attributes") or ())
    left = {key: value for key, value in row["custom_attributes"].items() if key not in gone}
    save_contact(site, row, {"custom_attributes": left})
    return {"payload": rest.contact(site, row, inboxes=True, admin=caller.is_admin)}


@endpoint("/contacts/search", "GET")
def search(site: Site, caller: Caller) -> Any:
    wanted = request.args.get("q", "").strip()
    if not wanted:
        return {"meta": {"count": None, "current_page": 1}, "payload": []}
    # % and _ are wildcards of SQL LIKE; the identifier is compared case-sensitively.
    parts = {"%": ".*", "_": "."}
    text = "".join(parts.get(character, re.escape(character)) for character in wanted)
    loose, strict = re.compile(text, re.IGNORECASE | re.DOTALL), re.compile(text, re.DOTALL)
    rows = [
        row
        for row in site.store.all("contact")
        if any(loose.search(row[key] or "") for key in ("name", "email", "phone_number"))
        or strict.search(row["identifier"] or "")
    ]
    if not site.version.has("search_has_more"):
        return _page(site, caller, _identified(rows))
    page, current = page_of(_sorted(rows), PAGE)
    more = len(rows) > max(whole(current) or 1, 1) * PAGE
    meta = {"count": len(page), "current_page": current, "has_more": more}
    return {"meta": meta, "payload": [_shown(site, caller, row) for row in page]}


@endpoint("/contacts/filter", "POST")
def filter_(site: Site, caller: Caller) -> Any:
    return _page(site, caller, _identified(filter_contacts(site, fields().get("payload"))))


@endpoint("/contacts/<int:contact_id>/conversations", "GET")
def conversations(site: Site, caller: Caller, contact_id: int) -> Any:
    site.find("contact", contact_id)
    rows = site.store.conversations_of[contact_id]
    newest = sorted(rows, key=lambda row: row["last_activity_at"], reverse=True)
    return {"payload": [rest.conversation(site, row) for row in newest[:CONVERSATIONS_SHOWN]]}


@endpoint("/contacts/<int:contact_id>/labels", "GET")
def labels(site: Site, caller: Caller, contact_id: int) -> Any:
    return {"payload": site.find("contact", contact_id)["labels"]}


@endpoint("/contacts/<int:contact_id>/labels", "POST")
def replace_labels(site: Site, caller: Caller, contact_id: int) -> Any:
    row = site.find("contact", contact_id)
    row["labels"] = list(dict.fromkeys(fields().get("labels") or []))
    site.store.save("contact", row)
    return {"payload": row["labels"]}


@endpoint("/contacts/<int:contact_id>/contact_inboxes", "POST")
def create_session(site: Site, caller: Caller, contact_id: int) -> Any:
    values = fields()
    contact = site.find("contact", contact_id)
    inbox = site.find("inbox", whole(values.get("inbox_id")))
    verified = flag(values.get("hmac_verified"))
    source_id = values.get("source_id")
    session = find_or_create_session(site, contact, inbox, source_id, hmac_verified=verified)
    return rest.session(site, session, admin=caller.is_admin)


@endpoint("/contacts/<int:contact_id>/contactable_inboxes", "GET")
def contactable_inboxes(site: Site, caller: Caller, contact_id: int) -> Any:
    site.find("contact", contact_id)
    unused = [
        session
        for session in site.store.sessions_of[contact_id]
        if not site.store.conversations_of_session[session["id"]]
    ]
    return {"payload": [rest.session(site, row, admin=caller.is_admin) for row in unused]}
