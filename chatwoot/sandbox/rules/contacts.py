"""Contacts and their sessions: validation, merging updates, and the events they cause.

Source: api.md 2.2, 2.3 and 3.3. A session is one visitor's thread in one inbox (contact inbox).
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from ..errors import broken, invalid, refused
from ..site import Site, new_secret
from ..store import Row
from ..times import now
from . import changes

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
# Anchored at the end only, as upstream is: "abc+4477..." passes.
PHONE = re.compile(r"\+[1-9]\d{1,14}\Z")
PLAIN_FIELDS = ("name", "email", "phone_number", "identifier", "blocked")


def create_contact(site: Site, fields: dict[str, Any]) -> Row:
    """Raises ApiError 422 when a value does not fit or belongs to another contact."""
    values = _clean(fields)
    _validate(site, values, None)
    moment = now()
    row = site.store.insert(
        "contact",
        {
            "name": values.get("name") or "",
            "email": values.get("email"),
            "phone_number": values.get("phone_number"),
            "identifier": values.get("identifier"),
            "blocked": bool(values.get("blocked")),
            "additional_attributes": dict(fields.get("additional_attributes") or {}),
            "custom_attributes": dict(fields.get("custom_attributes") or {}),
            "labels": [],
            "last_activity_at": None,
            "created_at": moment,
            "updated_at": moment,
        },
    )
    site.hooks.emit("contact_created", "contact", row)
    return row


def update_contact(site: Site, row: Row, fields: dict[str, Any]) -> None:
    """Custom attributes are merged; additional attributes replaced before 4.3."""
    values = _clean(fields)
    _validate(site, values, row)
    if fields.get("custom_attributes") is not None:
        values["custom_attributes"] = row["custom_attributes"] | fields["custom_attributes"]
    if fields.get("additional_attributes") is not None:
        merged = site.version.has("contact_additional_merge")
        before = row["additional_attributes"] if merged else {}
        values["additional_attributes"] = before | fields["additional_attributes"]
    save_contact(site, row, values)


def save_contact(site: Site, row: Row, values: dict[str, Any]) -> None:
    """Write the values and, if any differ, announce contact_updated."""
    before = row["updated_at"]
    changed = changes.apply(row, values)
    if not changed:
        return
    row["updated_at"] = now()
    site.store.save("contact", row)
    listed = changes.as_list({"updated_at": (before, row["updated_at"]), **changed})
    site.hooks.emit("contact_updated", "contact", row, changed_attributes=listed)


def find_or_create_session(
    site: Site, contact: Row, inbox: Row, source_id: str | None, *, hmac_verified: bool = False
) -> Row:
    """Without source_id a new session is made every time.

    Raises ApiError 422 `source_id should be unique` when another contact has it.
    """
    if source_id:
        known = site.store.session_of_source.get(source_id)
        if known and known["inbox_id"] == inbox["id"]:
            if known["contact_id"] != contact["id"]:
                raise refused("source_id should be unique")
            return known
    moment = now()
    return site.store.insert(
        "session",
        {
            "contact_id": contact["id"],
            "inbox_id": inbox["id"],
            "source_id": source_id or str(uuid.uuid4()),
            "hmac_verified": hmac_verified,
            "pubsub_token": new_secret(),
            "created_at": moment,
            "updated_at": moment,
        },
    )


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    values = {key: fields[key] for key in PLAIN_FIELDS if key in fields}
    for key in ("email", "phone_number"):
        if key in values:
            values[key] = values[key] or None
    if values.get("email"):
        values["email"] = str(values["email"]).lower()
    for key in ("name", "identifier"):
        if values.get(key) is not None and key in values:
            values[key] = str(values[key])
    return values


def _validate(site: Site, values: dict[str, Any], row: Row | None) -> None:
    faults = {}
    for key in ("email", "phone_number", "identifier"):
        value = values.get(key)
        owner = site.store.contact_of[key].get(value) if value else None
        if owner is not None and owner is not row:
            faults[key] = f"{key.replace('_', ' ').capitalize()} has already been taken"
    if values.get("email") and not EMAIL.fullmatch(values["email"]):
        faults["email"] = "Email Invalid email"
    if values.get("phone_number") and not PHONE.search(str(values["phone_number"])):
        faults["phone_number"] = "Phone number should be in e164 format"
    if len(values.get("name") or "") > 255:
        faults["name"] = "Name is too long (maximum is 255 characters)"
    if faults:
        raise invalid(faults)
    if values.get("identifier") == "" and any(
        other["identifier"] == "" and other is not row for other in site.store.all("contact")
    ):
        raise broken()  # the database index refuses a second empty identifier
