"""Inboxes, their members and their bot (api.md 5)."""

from __future__ import annotations

import copy
import re
from typing import Any

from flask import request

from ..errors import broken, invalid, not_found, unauthorized
from ..shapes import settings
from ..site import Site, new_secret
from ..store import Row
from ..times import now
from .base import EMPTY, Caller, chosen, endpoint, fields, whole

REPLY_TIMES = ("in_a_few_minutes", "in_a_few_hours", "in_a_day")
STRICT_NAME = re.compile(r"\w(?:[^/\\<>@]*\w)?")
PRE_CHAT_FIELDS = (
    ("Email Id", "emailAddress", "email", True),
    ("Full name", "fullName", "text", False),
    ("Phone number", "phoneNumber", "text", False),
)
TOP_LEVEL: dict[str, Any] = {
    "greeting_enabled": False,
    "greeting_message": None,
    "enable_email_collect": True,
    "csat_survey_enabled": False,
    "enable_auto_assignment": True,
    "auto_assignment_config": {},
    "working_hours_enabled": False,
    "out_of_office_message": None,
    "timezone": "UTC",
    "allow_messages_after_resolved": True,
    "lock_to_single_conversation": False,
    "sender_name_type": "friendly",
    "business_name": None,
}
CHANNEL: dict[str, Any] = {
    "website_url": None,
    "widget_color": "#1f93ff",
    "welcome_title": None,
    "welcome_tagline": None,
    "reply_time": "in_a_few_minutes",
    "hmac_mandatory": False,
    "continuity_via_email": True,
    "pre_chat_form_enabled": False,
    "pre_chat_form_options": {
        "pre_chat_message": "Share your queries or comments here.",
        "pre_chat_fields": [
            {
                "field_type": "standard",
                "label": label,
                "name": name,
                "type": kind,
                "required": required,
                "enabled": False,
            }
            for label, name, kind, required in PRE_CHAT_FIELDS
        ],
    },
    "selected_feature_flags": ["attachments", "emoji_picker", "end_conversation"],
    "allowed_domains": "",
    "webhook_url": None,
    "additional_attributes": {},
}
HOURS = ("open_hour", "open_minutes", "close_hour", "close_minutes")


def _first_hours(day: int) -> dict[str, Any]:
    closed = day in (0, 6)
    times = (None,) * 4 if closed else (9, 0, 17, 0)
    return {
        "day_of_week": day,
        "closed_all_day": closed,
        **dict(zip(HOURS, times, strict=True)),
        "open_all_day": False,
    }


def _wanted(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if values[key] == "null" else values[key] for key in defaults if key in values
    }


def _check(site: Site, name: Any, channel: dict[str, Any]) -> None:
    if not name:
        raise invalid({"name": "Name can't be blank"})
    if not site.version.has("free_inbox_name") and not STRICT_NAME.fullmatch(str(name)):
        raise invalid({"name": "Name should not start or end with symbols"})
    chosen(channel.get("reply_time"), REPLY_TIMES)


@endpoint("/inboxes", "GET")
def index(site: Site, caller: Caller) -> Any:
    rows = site.store.all("inbox")
    if not caller.is_admin:
        rows = [row for row in rows if caller.row["id"] in row["member_ids"]]
    return {"payload": [settings.inbox(site, row, admin=caller.is_admin) for row in rows]}


@endpoint("/inboxes/<int:inbox_id>", "GET")
def show(site: Site, caller: Caller, inbox_id: int) -> Any:
    row = site.find("inbox", inbox_id)
    if not caller.is_admin and caller.row["id"] not in row["member_ids"]:
        raise unauthorized()
    return settings.inbox(site, row, admin=caller.is_admin)


@endpoint("/inboxes", "POST", admin=True)
def create(site: Site, caller: Caller) -> Any:
    values = fields()
    channel = values.get("channel")
    if not isinstance(channel, dict):
        raise broken()
    if channel.get("type") not in ("web_widget", "api"):
        raise invalid({"channel": "Channel type is not supported"})
    _check(site, values.get("name"), channel)
    if channel["type"] == "web_widget" and not channel.get("website_url"):
        raise invalid({"website_url": "Website url can't be blank"})
    moment = now()
    row = site.store.insert(
        "inbox",
        {
            "name": values["name"],
            "channel": channel["type"],
            **copy.deepcopy(TOP_LEVEL),
            **copy.deepcopy(CHANNEL),
            **_wanted(values, TOP_LEVEL),
            **_wanted(channel, CHANNEL),
            "csat_config": {},
            "working_hours": [_first_hours(day) for day in range(7)],
            "website_token": new_secret(),
            "hmac_token": new_secret(),
            "inbox_identifier": new_secret(),
            "secret": new_secret(),
            "bot_id": None,
            "member_ids": [],
            "created_at": moment,
            "updated_at": moment,
        },
    )
    return settings.inbox(site, row, admin=True)


@endpoint("/inboxes/<int:inbox_id>", "PATCH", "PUT", admin=True)
def update(site: Site, caller: Caller, inbox_id: int) -> Any:
    row = site.find("inbox", inbox_id)
    values = fields()
    channel = values.get("channel") or {}
    name = values.get("name", row["name"])
    _check(site, name, channel)
    row |= {"name": name, **_wanted(values, TOP_LEVEL), **_wanted(channel, CHANNEL)}
    if isinstance(values.get("csat_config"), dict):
        row["csat_config"] = values["csat_config"]
    _set_hours(row, values.get("working_hours") or [])
    row["updated_at"] = now()
    site.store.save("inbox", row)
    return settings.inbox(site, row, admin=True)


def _set_hours(inbox: Row, wanted: list[dict[str, Any]]) -> None:
    """Rows are matched by day; an invalid one is silently ignored, as upstream does."""
    for item in wanted:
        day = whole(item.get("day_of_week"))
        current = next((row for row in inbox["working_hours"] if row["day_of_week"] == day), None)
        if current is None:
            continue
        merged = current | {key: item[key] for key in current if key in item}
        if merged["closed_all_day"] or merged["open_all_day"] or _opens_before_closing(merged):
            current.update(merged)


def _opens_before_closing(hours: dict[str, Any]) -> bool:
    opening, closing = ([whole(hours[key]) for key in pair] for pair in (HOURS[:2], HOURS[2:]))
    return None not in opening + closing and opening < closing


@endpoint("/inboxes/<int:inbox_id>/set_agent_bot", "POST", admin=True)
def set_agent_bot(site: Site, caller: Caller, inbox_id: int) -> Any:
    row = site.find("inbox", inbox_id)
    bot_id = whole(fields().get("agent_bot"))
    row["bot_id"] = site.find("bot", bot_id)["id"] if bot_id else None
    site.store.save("inbox", row)
    return EMPTY


@endpoint("/inboxes/<int:inbox_id>/agent_bot", "GET")
def agent_bot(site: Site, caller: Caller, inbox_id: int) -> Any:
    bot = site.store.get("bot", site.find("inbox", inbox_id)["bot_id"])
    return {"agent_bot": settings.bot(site, bot, admin=caller.is_admin)} if bot else {}


@endpoint("/inboxes/<int:inbox_id>/reset_secret", "POST", admin=True)
def reset_secret(site: Site, caller: Caller, inbox_id: int) -> Any:
    row = site.find("inbox", inbox_id)
    if row["channel"] != "api" or not site.version.has("all_hook_signatures"):
        raise not_found()
    row["secret"] = new_secret()
    site.store.save("inbox", row)
    return settings.inbox(site, row, admin=True)


def _members(site: Site, inbox: Row) -> dict[str, Any]:
    agents = [site.find("agent", agent_id) for agent_id in inbox["member_ids"]]
    return {"payload": [settings.agent(site, agent) for agent in agents]}


@endpoint("/inbox_members/<int:inbox_id>", "GET")
def members(site: Site, caller: Caller, inbox_id: int) -> Any:
    return _members(site, site.find("inbox", inbox_id))


@endpoint("/inbox_members", "POST", "PATCH", "DELETE", admin=True)
def change_members(site: Site, caller: Caller) -> Any:
    values = fields()
    inbox = site.find("inbox", whole(values.get("inbox_id")))
    if not isinstance(values.get("user_ids"), list):
        raise broken()
    wanted = [site.find("agent", whole(each))["id"] for each in values["user_ids"]]
    if request.method == "PATCH":
        inbox["member_ids"] = wanted
    elif request.method == "DELETE":
        inbox["member_ids"] = [each for each in inbox["member_ids"] if each not in wanted]
    else:
        inbox["member_ids"] = list(dict.fromkeys(inbox["member_ids"] + wanted))
    site.store.save("inbox", inbox)
    return EMPTY if request.method == "DELETE" else _members(site, inbox)
