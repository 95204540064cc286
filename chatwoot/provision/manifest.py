"""Reads and checks the manifest: what the shop wants its Chatwoot account to look like.

`manifest.yml` is edited by admins, so every fault is reported at once and by its path. Turning
the manifest into Chatwoot's own fields is `wanted.py`'s business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml
from marshmallow import Schema, ValidationError, fields, post_load, validate

from chatwoot.names import CONTACT_ATTRIBUTES, CONVERSATION_ATTRIBUTES
from crm.core.errors import Invalid

SHIPPED = Path(__file__).resolve().parent.parent / "manifest.yml"
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SUBSCRIPTIONS = (
    "conversation_created",
    "conversation_status_changed",
    "conversation_updated",
    "message_created",
    "message_updated",
    "contact_created",
    "contact_updated",
    "webwidget_triggered",
)
MACRO_ACTIONS = (
    "add_label",
    "remove_label",
    "assign_team",
    "change_status",
    "add_private_note",
    "send_message",
)
COLOR = validate.Regexp(r"^#[0-9A-Fa-f]{6}\Z", error="Not a colour such as #007AFF.")
LABEL_TITLE = validate.Regexp(r"^[a-z0-9][a-z0-9_-]+\Z", error="Small letters, digits, - and _.")
SHORT_CODE = validate.Regexp(r"^[a-z0-9_]+\Z", error="Small letters, digits and _ only.")
LOCALE = validate.Regexp(r"^[a-z]{2}\Z", error="A language of two letters, such as en.")
PLACEHOLDER = re.compile(r"\{\{\s*(contact|conversation)\.custom_attribute\.([\w.-]+)\s*\}\}")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def short_text(limit: int = 255, **options: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, limit), **options)


def _known_attributes(text: str) -> None:
    known = {"contact": CONTACT_ATTRIBUTES, "conversation": CONVERSATION_ATTRIBUTES}
    for owner, key in PLACEHOLDER.findall(text):
        if key not in known[owner]:
            raise ValidationError(f"No {owner} attribute is called {key}.")


def _hours(text: str) -> None:
    if text == "closed":
        return
    found = HOURS.fullmatch(text)
    if not found or found.group(1, 2) >= found.group(3, 4):
        raise ValidationError('Neither "closed" nor hours such as "09:00-18:00".')


class PreChatField(Schema):
    name = fields.String(
        required=True, validate=validate.OneOf(["fullName", "emailAddress", "phoneNumber"])
    )
    label = short_text(required=True)
    placeholder = fields.String(load_default="")
    required = fields.Boolean(load_default=False)


class PreChatForm(Schema):
    message = short_text(1000, required=True)
    fields_ = fields.List(fields.Nested(PreChatField), required=True, data_key="fields")


class Inbox(Schema):
    name = fields.String(
        required=True,
        validate=validate.Regexp(
            r"^\w([^/\\<>@]*\w)?\Z", error="Starts and ends with a letter or digit, no / \\ < > @."
        ),
    )
    website_url = fields.Url(load_default=None, allow_none=True, require_tld=False)
    timezone = fields.String(load_default=None, allow_none=True)
    widget_color = fields.String(required=True, validate=COLOR)
    welcome_title = short_text(required=True)
    welcome_tagline = short_text(required=True)
    reply_time = fields.String(
        required=True,
        validate=validate.OneOf(["in_a_few_minutes", "in_a_few_hours", "in_a_day"]),
    )
    greeting = short_text(1000, required=True)
    out_of_office = short_text(1000, required=True)
    hours = fields.Dict(
        keys=fields.String(validate=validate.OneOf(DAYS)),
        values=fields.String(validate=_hours),
        required=True,
    )
    pre_chat_form = fields.Nested(PreChatForm, required=True)
    hmac_mandatory = fields.Boolean(
        required=True, validate=validate.Equal(True, error="Must stay on: it proves who writes.")
    )
    csat_survey = fields.Boolean(required=True)
    auto_assignment = fields.Boolean(required=True)
    features = fields.List(
        fields.String(
            validate=validate.OneOf(
                ["attachments", "emoji_picker", "end_conversation", "use_inbox_avatar_for_bot"]
            )
        ),
        required=True,
    )


class Webhook(Schema):
    name = short_text(required=True)
    subscriptions = fields.List(
        fields.String(validate=validate.OneOf(SUBSCRIPTIONS)),
        required=True,
        validate=validate.Length(1),
    )


class Bot(Schema):
    name = short_text(required=True)
    description = short_text(required=True)
    connect = fields.Boolean(load_default=False)


class Label(Schema):
    color = fields.String(required=True, validate=COLOR)
    description = short_text()
    show_on_sidebar = fields.Boolean(load_default=True)


class Team(Schema):
    description = short_text(required=True)
    allow_auto_assign = fields.Boolean(load_default=True)


class Macro(Schema):
    name = short_text(required=True)
    actions = fields.List(
        fields.Dict(
            keys=fields.String(validate=validate.OneOf(MACRO_ACTIONS)),
            values=short_text(2000),
            validate=validate.Length(equal=1, error="One action per line."),
        ),
        required=True,
        validate=validate.Length(1),
    )


class DashboardApp(Schema):
    title = short_text(required=True)


@dataclass(frozen=True)
class Manifest:
    """The checked manifest; keys inside the dicts are those of `manifest.yml`."""

    inbox: dict[str, Any]
    webhook: dict[str, Any]
    bot: dict[str, Any]
    dashboard_app: dict[str, Any]
    labels: dict[str, dict[str, Any]]
    attribute_names: dict[str, str]
    canned_responses: dict[str, dict[str, str]]
    teams: dict[str, dict[str, Any]]
    macros: list[dict[str, Any]]


class ManifestSchema(Schema):
    inbox = fields.Nested(Inbox, required=True)
    webhook = fields.Nested(Webhook, required=True)
    bot = fields.Nested(Bot, required=True)
    dashboard_app = fields.Nested(DashboardApp, required=True)
    labels = fields.Dict(
        keys=fields.String(validate=LABEL_TITLE), values=fields.Nested(Label), required=True
    )
    attribute_names = fields.Dict(
        keys=fields.String(
            validate=validate.OneOf([*CONTACT_ATTRIBUTES, *CONVERSATION_ATTRIBUTES])
        ),
        values=short_text(),
        load_default=dict,
    )
    canned_responses = fields.Dict(
        keys=fields.String(validate=SHORT_CODE),
        values=fields.Dict(
            keys=fields.String(validate=LOCALE),
            values=fields.String(validate=[validate.Length(1, 20_000), _known_attributes]),
        ),
        required=True,
    )
    teams = fields.Dict(keys=short_text(), values=fields.Nested(Team), required=True)
    macros = fields.List(fields.Nested(Macro), required=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Manifest:
        return Manifest(**data)


def load_manifest(path: Path = SHIPPED, *, timezone: str = "UTC") -> Manifest:
    """Read and check a manifest file.

    timezone: IANA name for the inbox where the file names none. Raises Invalid with `errors` by
    path (`inbox.hours.mon`) and every fault in the detail; OSError when the file cannot be read.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" near line {where.line + 1}" if where else ""
        raise Invalid(f"{path.name} is not YAML{line}") from error
    try:
        manifest: Manifest = ManifestSchema().load(raw if raw is not None else {})
    except ValidationError as error:
        raise _invalid(path, dict(_by_path(error.messages))) from error
    zone = manifest.inbox["timezone"] = manifest.inbox["timezone"] or timezone
    faults = {}
    if zone not in available_timezones():
        faults["inbox.timezone"] = ["Not a time zone such as Europe/Lisbon."]
    for number, macro in enumerate(manifest.macros):
        for action in macro["actions"]:
            team = action.get("assign_team")
            if team is not None and team not in manifest.teams:
                faults[f"macros.{number}.actions"] = [f"No team is called {team}."]
    if faults:
        raise _invalid(path, faults)
    return manifest


def _invalid(path: Path, errors: dict[str, list[str]]) -> Invalid:
    told = "; ".join(f"{where}: {' '.join(what)}" for where, what in errors.items())
    return Invalid(f"{path.name}: {told}", errors=errors)


def _by_path(messages: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """marshmallow's nested messages as (dotted path, sentences)."""
    if isinstance(messages, list):
        return [(path, [str(message) for message in messages])]
    found = []
    for key, inner in messages.items():
        # marshmallow says on which side of a dict entry it stumbled; admins think of the entry.
        step = "" if key in ("_schema", "key", "value") else str(key)
        found += _by_path(inner, ".".join(filter(None, (path, step))))
    return found
