"""Conversations: list, filter, create, show and every change (api.md 3)."""

from __future__ import annotations

from typing import Any

from flask import request

from ..errors import broken, not_found, refused
from ..filters import filter_conversations
from ..rules.contacts import find_or_create_session
from ..rules.conversations import (
    PRIORITIES,
    STATUSES,
    change_conversation,
    check_attributes,
    create_conversation,
)
from ..rules.messages import note_activity, survey
from ..shapes import rest, settings
from ..site import Site
from ..store import Row
from ..times import iso, now
from .base import (
    EMPTY,
    Caller,
    chosen,
    endpoint,
    fields,
    find_conversation,
    may_see,
    page_of,
    whole,
)
from .messages import post_message

PAGE = 25
ITEM = "/conversations/<int:number>"
SORTS = {
    "last_activity_at": lambda row: row["last_activity_at"],
    "created_at": lambda row: row["created_at"],
    "priority": lambda row: PRIORITIES.index(row["priority"]) if row["priority"] else -1,
    "waiting_since": lambda row: row["waiting_since"] or 0,
}


def _counts(rows: list[Row], caller: Caller) -> dict[str, int]:
    mine = sum(row["assignee_id"] == caller.row["id"] for row in rows)
    unassigned = sum(row["assignee_id"] is None for row in rows)
    return {
        "mine_count": mine,
        "assigned_count": len(rows) - unassigned,
        "unassigned_count": unassigned,
        "all_count": len(rows),
    }


def _listed(site: Site, caller: Caller) -> list[Row]:
    """All rows the query asks for, unsorted and before the assignee tab."""
    query = request.args
    status = query.get("status", "open")
    if status != "all" and status not in STATUSES:
        raise broken()
    rows = site.store.all("conversation")
    if source_id := query.get("source_id"):
        session = site.store.session_of_source.get(source_id)
        rows = site.store.conversations_of_session[session["id"]] if session else []
    if status != "all":
        rows = [row for row in rows if row["status"] == status]
    for key in ("inbox_id", "team_id"):
        if wanted := whole(query.get(key)):
            rows = [row for row in rows if row[key] == wanted]
    if wanted_labels := set(query.getlist("labels[]")):
        rows = [row for row in rows if wanted_labels & set(row["labels"])]
    if within := whole(query.get("updated_within")):
        since = now() - within
        rows = [row for row in rows if row["updated_at"] >= since]
    return [row for row in rows if may_see(site, caller, row)]


def _sorted(rows: list[Row]) -> list[Row]:
    name, _, direction = request.args.get("sort_by", "last_activity_at_desc").rpartition("_")
    return sorted(rows, key=SORTS.get(name, SORTS["last_activity_at"]), reverse=direction != "asc")


@endpoint("/conversations", "GET")
def index(site: Site, caller: Caller) -> Any:
    rows = _listed(site, caller)
    counts = _counts(rows, caller)
    tab = request.args.get("assignee_type", "all")
    if tab == "me":
        rows = [row for row in rows if row["assignee_id"] == caller.row["id"]]
    elif tab in ("unassigned", "assigned"):
        rows = [row for row in rows if (row["assignee_id"] is None) == (tab == "unassigned")]
    rows = _sorted(rows)
    if not request.args.get("updated_within"):
        rows, _ = page_of(rows, PAGE)
    return {"data": {"meta": counts, "payload": [rest.conversation(site, row) for row in rows]}}


@endpoint("/conversations/meta", "GET")
def meta(site: Site, caller: Caller) -> Any:
    return {"meta": _counts(_listed(site, caller), caller)}


@endpoint("/conversations/filter", "POST")
def filter_(site: Site, caller: Caller) -> Any:
    found = filter_conversations(site, fields().get("payload"))
    rows = [row for row in found if may_see(site, caller, row)]
    counts = _counts(rows, caller)
    del counts["assigned_count"]
    page, _ = page_of(sorted(rows, key=SORTS["last_activity_at"], reverse=True), PAGE)
    return {"meta": counts, "payload": [rest.conversation(site, row) for row in page]}


@endpoint("/conversations", "POST", bots=True)
def create(site: Site, caller: Caller) -> Any:
    values = fields()
    session = _session_for(site, values)
    chosen(values.get("status"), STATUSES)
    chosen(values.get("priority"), PRIORITIES)
    contact = site.find("contact", session["contact_id"])
    inbox = site.find("inbox", session["inbox_id"])
    earlier = site.store.conversations_of_session[session["id"]]
    if inbox["lock_to_single_conversation"] and earlier:
        row = earlier[-1]
    else:
        row = create_conversation(site, contact, session, values)
    if isinstance(values.get("message"), dict):
        post_message(site, caller, row, values["message"])
    return rest.conversation(site, row)


def _session_for(site: Site, values: dict[str, Any]) -> Row:
    """api.md 3.3: inbox and contact (with or without source_id), or source_id alone."""
    source_id = values.get("source_id")
    if values.get("contact_id") and values.get("inbox_id"):
        contact = site.find("contact", whole(values["contact_id"]))
        inbox = site.find("inbox", whole(values["inbox_id"]))
        return find_or_create_session(site, contact, inbox, source_id)
    session = site.store.session_of_source.get(source_id) if source_id else None
    if session is None:
        raise not_found()
    return session


@endpoint(ITEM, "GET")
def show(site: Site, caller: Caller, number: int) -> Any:
    return rest.conversation(site, find_conversation(site, caller, number))


@endpoint(ITEM, "PATCH", bots=True)
def update(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    values = fields()
    if "priority" in values:
        change_conversation(site, row, priority=chosen(values["priority"], PRIORITIES))
    return rest.conversation(site, row)


def set_status(site: Site, row: Row, status: str, until: float | None, by: str) -> None:
    """Move the status, leave the activity line, and ask for a rating after resolving."""
    snoozed_until = until if status == "snoozed" else None
    changed = change_conversation(site, row, status=status, snoozed_until=snoozed_until)
    if "status" in changed:
        word = "reopened" if status == "open" else f"marked {status}"
        note_activity(site, row, f"Conversation was {word} by {by}")
        if status == "resolved":
            survey(site, row)


@endpoint(f"{ITEM}/toggle_status", "POST", bots=True)
def toggle_status(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    values = fields()
    status = chosen(values.get("status"), STATUSES)
    if status is None:
        status = "resolved" if row["status"] == "open" else "open"
    hand_off = caller.kind == "bot" and row["status"] == "pending" and status == "open"
    plain_agent = caller.kind == "agent" and not caller.is_admin
    set_status(site, row, status, whole(values.get("snoozed_until")), caller.row["name"])
    if plain_agent and status == "open" and row["assignee_id"] is None:
        change_conversation(site, row, assignee_id=caller.row["id"])
    return {
        "payload": {
            "success": None if hand_off else True,
            "conversation_id": row["id"],
            "current_status": row["status"],
            "snoozed_until": iso(row["snoozed_until"]),
        }
    }


@endpoint(f"{ITEM}/toggle_priority", "POST", bots=True)
def toggle_priority(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    change_conversation(site, row, priority=chosen(fields().get("priority"), PRIORITIES))
    return EMPTY


@endpoint(f"{ITEM}/custom_attributes", "POST", bots="bot_custom_attributes")
def custom_attributes(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    wanted = fields().get("custom_attributes")
    if not isinstance(wanted, dict):
        raise broken()
    check_attributes(wanted)
    change_conversation(site, row, custom_attributes=wanted)
    return {"custom_attributes": row["custom_attributes"]}


@endpoint(f"{ITEM}/labels", "GET")
def labels(site: Site, caller: Caller, number: int) -> Any:
    return {"payload": find_conversation(site, caller, number)["labels"]}


@endpoint(f"{ITEM}/labels", "POST")
def replace_labels(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    wanted = fields().get("labels") or []
    if not isinstance(wanted, list):
        raise refused("labels must be an array")
    change_conversation(site, row, labels=list(dict.fromkeys(str(label) for label in wanted)))
    return {"payload": row["labels"]}


@endpoint(f"{ITEM}/assignments", "POST", bots=True)
def assign(site: Site, caller: Caller, number: int) -> Any:
    row = find_conversation(site, caller, number)
    values = fields()
    if "assignee_id" not in values and "team_id" in values:
        team = site.store.get("team", whole(values["team_id"]))
        change_conversation(site, row, team_id=team["id"] if team else None)
        return settings.raw_team(team) if team else None
    wanted = whole(values.get("assignee_id"))
    if values.get("assignee_type") == "AgentBot" and site.version.has("bot_assignee"):
        bot = site.store.get("bot", wanted)
        bot_id = bot["id"] if bot else None
        change_conversation(site, row, assignee_id=None, assignee_bot_id=bot_id)
        return settings.bot(site, bot, admin=caller.is_admin) if bot else None
    agent = site.store.get("agent", wanted)
    agent_id = agent["id"] if agent else None
    changed = change_conversation(site, row, assignee_id=agent_id, assignee_bot_id=None)
    if agent and "assignee_id" in changed:
        note_activity(site, row, f"Assigned to {agent['name']} by {caller.row['name']}")
    return settings.agent(site, agent) if agent else None
