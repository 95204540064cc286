"""Turns the manifest and our own names into the rows Chatwoot should hold.

Pure: no calls. `Wanted.fields` is written as Chatwoot reads it back (flat), so it can be compared
with what is there; `body` nests it the way a write wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatwoot.names import (
    CONTACT_ATTRIBUTES,
    CONVERSATION_ATTRIBUTES,
    FIXED_LABELS,
    STATUS_OF_LABEL,
)
from chatwoot.objects import WEB_WIDGET
from chatwoot.provision.manifest import DAYS, Manifest

HOOK_PATH = "/webhooks/chatwoot"
BOT_PATH = "/webhooks/chatwoot/bot"
PANEL_PATH = "/panel"
DEFAULT_COLOR = "#8E8E93"
CHANNEL_FIELDS = (
    "website_url",
    "widget_color",
    "welcome_title",
    "welcome_tagline",
    "reply_time",
    "hmac_mandatory",
    "pre_chat_form_enabled",
    "pre_chat_form_options",
    "selected_feature_flags",
)
INPUT_TYPES = {"fullName": "text", "emailAddress": "email", "phoneNumber": "text"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """kind: a key of `account.COLLECTIONS`. name: for people; holds no secret.

    fields: what the row should say. same: natural keys, the surest first; each tells whether a
    row over there is this one.
    """

    kind: str
    name: str
    fields: Row
    same: tuple[Callable[[Row], bool], ...]


def _by(field: str, value: str) -> Callable[[Row], bool]:
    return lambda row: str(row.get(field) or "").casefold() == value.casefold()


def labels(manifest: Manifest) -> list[Wanted]:
    ours = FIXED_LABELS | {
        label: f"The repair is {status.replace('_', ' ')}"
        for label, status in STATUS_OF_LABEL.items()
    }
    wanted = []
    for title in [*ours, *(title for title in manifest.labels if title not in ours)]:
        told = {"color": DEFAULT_COLOR, "show_on_sidebar": True} | manifest.labels.get(title, {})
        told.setdefault("description", ours.get(title, title))
        wanted.append(Wanted("labels", title, {"title": title, **told}, (_by("title", title),)))
    return wanted


def attribute_definitions(manifest: Manifest) -> list[Wanted]:
    wanted = []
    for model, attributes in (
        ("contact_attribute", CONTACT_ATTRIBUTES),
        ("conversation_attribute", CONVERSATION_ATTRIBUTES),
    ):
        for key, attribute in attributes.items():
            fields = {
                "attribute_key": key,
                "attribute_model": model,
                "attribute_display_name": manifest.attribute_names.get(key, attribute.display_name),
                "attribute_display_type": attribute.display_type,
                "attribute_description": attribute.description,
            }
            if attribute.values:
                fields["attribute_values"] = list(attribute.values)

            def same(row: Row, key: str = key, model: str = model) -> bool:
                return (row.get("attribute_key"), row.get("attribute_model")) == (key, model)

            wanted.append(Wanted("attribute_definitions", key, fields, (same,)))
    return wanted


def canned_responses(manifest: Manifest) -> list[Wanted]:
    """English keeps the bare short code, other languages get it as an ending: ready, ready_pt."""
    wanted = []
    for code, texts in manifest.canned_responses.items():
        for locale, text in texts.items():
            short_code = code if locale == "en" else f"{code}_{locale}"
            fields = {"short_code": short_code, "content": text}
            same = _by("short_code", short_code)
            wanted.append(Wanted("canned_responses", short_code, fields, (same,)))
    return wanted


def teams(manifest: Manifest) -> list[Wanted]:
    """Chatwoot stores team names in lower case (api.md 6.2)."""
    return [
        Wanted("teams", name, {"name": name.lower(), **told}, (_by("name", name),))
        for name, told in manifest.teams.items()
    ]


def macros(manifest: Manifest, team_ids: dict[str, int | None]) -> list[Wanted]:
    """team_ids: by lower-case name; None while a dry run has not made the team."""
    wanted = []
    for macro in manifest.macros:
        actions = []
        for action in macro["actions"]:
            ((name, value),) = action.items()
            given = team_ids[value.lower()] if name == "assign_team" else value
            actions.append({"action_name": name, "action_params": [given]})
        fields = {"name": macro["name"], "visibility": "global", "actions": actions}
        wanted.append(Wanted("macros", macro["name"], fields, (_by("name", macro["name"]),)))
    return wanted


def dashboard_app(manifest: Manifest, public_url: str) -> Wanted:
    title, url = manifest.dashboard_app["title"], public_url + PANEL_PATH

    def same_url(row: Row) -> bool:
        return any(part.get("url") == url for part in row.get("content") or ())

    fields = {"title": title, "content": [{"type": "frame", "url": url}]}
    return Wanted("dashboard_apps", title, fields, (same_url, _by("title", title)))


def is_our_hook(url: str, public_url: str) -> bool:
    """Whether a webhook address is ours, signed or with a token in the path, but not the bot's."""
    here = public_url + HOOK_PATH
    return url == here or (url.startswith(here + "/") and url != public_url + BOT_PATH)


def webhook(manifest: Manifest, public_url: str, token: str | None, named: bool) -> Wanted:
    """token: set for a Chatwoot that does not sign: it becomes part of the address."""
    url = public_url + HOOK_PATH + (f"/{token}" if token else "")
    fields = {"url": url, "subscriptions": manifest.webhook["subscriptions"]}
    if named:
        fields["name"] = manifest.webhook["name"]
    same = (lambda row: row["url"] == url, lambda row: is_our_hook(row["url"], public_url))
    return Wanted("webhooks", public_url + HOOK_PATH, fields, same)


def agent_bot(manifest: Manifest, public_url: str) -> Wanted:
    bot, url = manifest.bot, public_url + BOT_PATH
    fields = {"name": bot["name"], "description": bot["description"], "outgoing_url": url}
    return Wanted(
        "agent_bots", bot["name"], fields, (_by("outgoing_url", url), _by("name", bot["name"]))
    )


def inbox(manifest: Manifest, public_url: str) -> Wanted:
    told = manifest.inbox
    website = (told["website_url"] or public_url).rstrip("/")
    form = told["pre_chat_form"]
    fields = {
        "name": told["name"],
        "timezone": told["timezone"],
        "greeting_enabled": True,
        "greeting_message": told["greeting"],
        "working_hours_enabled": True,
        "out_of_office_message": told["out_of_office"],
        "csat_survey_enabled": told["csat_survey"],
        "enable_auto_assignment": told["auto_assignment"],
        "website_url": website,
        "widget_color": told["widget_color"],
        "welcome_title": told["welcome_title"],
        "welcome_tagline": told["welcome_tagline"],
        "reply_time": told["reply_time"],
        "hmac_mandatory": told["hmac_mandatory"],
        "selected_feature_flags": told["features"],
        "pre_chat_form_enabled": True,
        "pre_chat_form_options": {
            "pre_chat_message": form["message"],
            "pre_chat_fields": [_pre_chat_field(part) for part in form["fields_"]],
        },
        "working_hours": [_day(n, told["hours"].get(day, "closed")) for n, day in enumerate(DAYS)],
    }

    def same_site(row: Row) -> bool:
        is_widget = row.get("channel_type") == WEB_WIDGET
        return is_widget and (row.get("website_url") or "").rstrip("/") == website

    def same_name(row: Row) -> bool:
        return row.get("channel_type") == WEB_WIDGET and row.get("name") == told["name"]

    keys = (lambda row: same_site(row) and same_name(row), same_site, same_name)
    return Wanted("inboxes", told["name"], fields, keys)


def _pre_chat_field(part: dict[str, Any]) -> Row:
    return {
        "field_type": "standard",
        "name": part["name"],
        "type": INPUT_TYPES[part["name"]],
        "label": part["label"],
        "placeholder": part["placeholder"],
        "enabled": True,
        "required": part["required"],
    }


def _day(number: int, hours: str) -> Row:
    if hours == "closed":
        return {"day_of_week": number, "closed_all_day": True, "open_all_day": False}
    opens, closes = hours.split("-")
    return {
        "day_of_week": number,
        "closed_all_day": False,
        "open_all_day": False,
        "open_hour": int(opens[:2]),
        "open_minutes": int(opens[3:]),
        "close_hour": int(closes[:2]),
        "close_minutes": int(closes[3:]),
    }


def body(wanted: Wanted, fields: Row) -> Row:
    """The given fields as Chatwoot takes them: a widget's own ones go under `channel`."""
    if wanted.kind != "inboxes":
        return fields
    channel = {name: value for name, value in fields.items() if name in CHANNEL_FIELDS}
    top = {name: value for name, value in fields.items() if name not in CHANNEL_FIELDS}
    return top | ({"channel": channel} if channel else {})


def differences(fields: Row, row: Row) -> dict[str, tuple[Any, Any]]:
    """Field -> (what is there, what is wanted), for every field that is not as wanted."""
    return {
        name: (row.get(name), value)
        for name, value in fields.items()
        if not _fits(value, row.get(name))
    }


def _fits(wanted: Any, there: Any) -> bool:
    """Chatwoot may know more keys than we set, and keeps plain lists and days in its own order."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            _fits(value, there.get(key)) for key, value in wanted.items()
        )
    if not isinstance(wanted, list) or not isinstance(there, list):
        return wanted == there
    if len(wanted) != len(there):
        return False
    if not any(isinstance(item, dict) for item in wanted):
        return sorted(map(str, wanted)) == sorted(map(str, there))
    if "day_of_week" in wanted[0]:
        there = sorted(there, key=lambda row: row.get("day_of_week", -1))
    return all(map(_fits, wanted, there))
