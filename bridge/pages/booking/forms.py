"""What guests type into the booking forms, checked by the schemas of the API and told in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from marshmallow import ValidationError

from bridge.api.booking_schemas import BookingChange, DeviceIn
from crm.core.errors import MendlineError

TRAP = "website"  # seen by programs only
WORDS: dict[str, LazyString] = {
    "model": _("We do not know this model. Choose one from the list, or tell us its name."),
    "category": _("We do not know this kind of device. Choose one from the list."),
    "name": _("Type your name, with at most 255 letters."),
    "device_name": _("Type the name of your device, with at most 255 letters."),
    "email": _("This is not a complete e-mail address. An example: ana@example.com."),
    "phone": _("Type your number with its country code. An example: +44 7700 900123."),
    "address": _("Fill in street, postcode, town and the two letters of the country."),
    "repair_types": _("One of these repairs is not offered any more. Choose again."),
    "problem": _("Shorten this, please: at most 2,000 letters."),
    "note": _("Shorten this, please: at most 2,000 letters."),
    "location": _("Choose where."),
    "way": _("Choose how we get the device."),
    "services": _("One of these extras is not offered any more. Choose again."),
    "starts_at": _("This time is not offered. Choose one of the free times."),
    "devices": _("Choose a device first."),
    "code": _("The code has six digits. Look for it in our message."),
    "condition": _("Choose the state of each device."),
    "invite_code": _("This invite code is not right. Ask the shop for it."),
}
CODES: dict[str, LazyString] = {
    "too-many-devices": _("At most 10 devices fit in one booking."),
    "slot-taken": _("Somebody else has just taken this time. Choose one of the free times."),
    "slot-past": _("This time has passed. Choose one of the free times."),
    "slot-too-soon": _("This time is too soon. Choose one of the free times."),
    "slot-too-far": _("This time is too far ahead. Choose one of the free times."),
    "closed": _("We are closed on that day. Choose one of the free times."),
    "slot-not-offered": _("This time is not offered. Choose one of the free times."),
    "invite-needed": WORDS["invite_code"],
    "too-many-requests": _("Too many tries for now. Try again in an hour, or write to us."),
    "wrong-code": _("This code is not right. Look at the newest message from us."),
    "code-expired": _("This code is too old. Ask for a new one."),
    "code-used-up": _("Too many wrong codes. Ask for a new one."),
    "prices-renewed": _("A price was no longer held. This is the price of today."),
    "no-reach": _("Give an e-mail address or a phone number, so that we can reach you."),
    "no-email": _("We send you a code by e-mail. Give your e-mail address."),
    "no-phone": _("We send you a code by SMS. Give your phone number."),
    "trap": _("We could not take this booking. Write to us in the chat, please."),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong, told above the form, and by the fields that are to be mended."""

    words: LazyString
    fields: dict[str, LazyString] = field(default_factory=dict)
    status: int = 422


def told(error: MendlineError | ValidationError) -> Problem:
    """A refusal in the words of the page. Raises what of the services' a guest cannot mend."""
    if isinstance(error, ValidationError):
        return faults(*_named(error.messages_dict))
    if error.code in CODES:
        return Problem(CODES[error.code], status=error.status)
    named = _named(getattr(error, "errors", {}))
    if not named:
        raise error
    return faults(*named)


def faults(*names: str) -> Problem:
    words = {name: WORDS[name] for name in names if name in WORDS}
    return Problem(_("Please look at this once more."), words)


def device(form: Mapping[str, str]) -> dict[str, Any]:
    """Fields of `wishes.Device`. Raises ValidationError."""
    given = {key: form[key].strip() for key in ("model", "category", "name") if form.get(key)}
    if "category" in given and not given.get("name"):
        raise ValidationError({"device_name": ["needed"]})
    try:
        return DeviceIn(only=("model", "category", "name")).load(given)
    except ValidationError as error:
        found = error.messages_dict
        if "name" in found:
            found["device_name"] = found.pop("name")
        raise ValidationError(found) from error


def wish(given: dict[str, Any]) -> dict[str, Any]:
    """Repairs and what is wrong. Raises ValidationError."""
    return DeviceIn(only=("repair_types", "problem")).load(given)


def change(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of `drafts.change`. Raises ValidationError."""
    return BookingChange().load(given)


def contact(form: Mapping[str, str]) -> dict[str, Any]:
    """Name, address and note; what is empty is None. Raises ValidationError."""
    given = {key: form.get(key, "").strip() for key in ("name", "email", "phone", "note")}
    given["phone"] = re.sub(r"^00", "+", re.sub(r"[\s().\-/]", "", given["phone"]))
    kept = {key: value for key, value in given.items() if value or key in ("name", "note")}
    return {"email": None, "phone": None, **change(kept)}


def hand_over(form: Mapping[str, str]) -> dict[str, Any]:
    address = {
        key: form.get(key, "").strip() for key in ("street", "postal_code", "city", "country")
    }
    address["country"] = address["country"].upper()
    return {"address": address}


def moment(text: str) -> datetime:
    """A start as the page offered it. Raises ValidationError."""
    return change({"starts_at": text})["starts_at"]


def day(text: str | None) -> date | None:
    """A day of an address; what is none counts as not given."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def place(text: str | None) -> int:
    """The place of a device in the booking; what is none names no device."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 3 else -1


def _named(errors: Mapping[str, Any]) -> list[str]:
    """The innermost field names that have words of their own."""
    found: list[str] = []
    for key, value in errors.items():
        inner = _named(value) if isinstance(value, Mapping) else []
        found += inner or ([str(key)] if key in WORDS else [])
        if key == "hand_over":
            found.append("address")
    return list(dict.fromkeys(found))
