"""Agents and teams of the account (api.md 6.1 and 6.2)."""

from __future__ import annotations

from typing import Any

from flask import request

from ..errors import broken, invalid, taken, unauthorized
from ..seed import new_agent
from ..shapes import settings
from ..site import Site
from ..store import Row
from ..times import now
from .base import EMPTY, Caller, chosen, endpoint, fields, flag, whole

ROLES = ("agent", "administrator")
AVAILABILITIES = ("online", "busy", "offline")


@endpoint("/agents", "GET")
def agents(site: Site, caller: Caller) -> Any:
    return [settings.agent(site, row) for row in site.store.all("agent")]


@endpoint("/agents", "POST", admin=True)
def create_agent(site: Site, caller: Caller) -> Any:
    values = fields("agent")
    email = str(values.get("email") or "").lower()
    if not email:
        raise invalid({"email": "Email can't be blank"})
    if any(row["email"] == email for row in site.store.all("agent")):
        raise invalid({"user_id": "User has already been taken"})
    role = chosen(values.get("role"), ROLES) or "agent"
    row = new_agent(site.store, values.get("name") or email, email, role, confirmed=False)
    row["availability"] = chosen(values.get("availability"), AVAILABILITIES) or "offline"
    return settings.agent(site, row)


@endpoint("/agents/<int:agent_id>", "PATCH", "PUT", admin=True)
def update_agent(site: Site, caller: Caller, agent_id: int) -> Any:
    row = site.find("agent", agent_id)
    values = fields("agent")
    row["name"] = values.get("name", row["name"])
    row["role"] = chosen(values.get("role"), ROLES) or row["role"]
    wanted = chosen(values.get("availability"), AVAILABILITIES)
    row["availability"] = wanted or row["availability"]
    site.store.save("agent", row)
    return settings.agent(site, row)


def _team(row: Row, caller: Caller) -> dict[str, Any]:
    return settings.team(row, member=caller.row["id"] in row["member_ids"])


@endpoint("/teams", "GET")
def teams(site: Site, caller: Caller) -> Any:
    return [_team(row, caller) for row in site.store.all("team")]


@endpoint("/teams/<int:team_id>", "GET")
def show_team(site: Site, caller: Caller, team_id: int) -> Any:
    return _team(site.find("team", team_id), caller)


@endpoint("/teams", "POST", admin=True)
def create_team(site: Site, caller: Caller) -> Any:
    values = fields("team")
    moment = now()
    row = {
        "name": _team_name(site, values.get("name"), None),
        "description": values.get("description"),
        "allow_auto_assign": flag(values.get("allow_auto_assign", True)),
        "member_ids": [],
        "created_at": moment,
        "updated_at": moment,
    }
    return _team(site.store.insert("team", row), caller)


@endpoint("/teams/<int:team_id>", "PATCH", "PUT", admin=True)
def update_team(site: Site, caller: Caller, team_id: int) -> Any:
    row = site.find("team", team_id)
    values = fields("team")
    if "name" in values:
        row["name"] = _team_name(site, values["name"], row)
    row["description"] = values.get("description", row["description"])
    if "allow_auto_assign" in values:
        row["allow_auto_assign"] = flag(values["allow_auto_assign"])
    row["updated_at"] = now()
    site.store.save("team", row)
    return _team(row, caller)


@endpoint("/teams/<int:team_id>", "DELETE", admin=True)
def delete_team(site: Site, caller: Caller, team_id: int) -> Any:
    site.store.delete("team", site.find("team", team_id))
    return EMPTY


def _team_name(site: Site, name: Any, row: Row | None) -> str:
    if not name:
        raise invalid({"name": "Name can't be blank"})
    lowered = str(name).lower()
    if any(each["name"] == lowered and each is not row for each in site.store.all("team")):
        raise taken("name")
    return lowered


@endpoint("/teams/<int:team_id>/team_members", "GET")
def team_members(site: Site, caller: Caller, team_id: int) -> Any:
    return _members(site, site.find("team", team_id))


@endpoint("/teams/<int:team_id>/team_members", "POST", "PATCH", "DELETE", admin=True)
def change_team_members(site: Site, caller: Caller, team_id: int) -> Any:
    row = site.find("team", team_id)
    wanted = fields().get("user_ids")
    if not isinstance(wanted, list):
        raise broken()
    ids = [whole(each) for each in wanted]
    if any(site.store.get("agent", each) is None for each in ids):
        raise unauthorized("Invalid User IDs")
    if request.method == "PATCH":
        row["member_ids"] = ids
    elif request.method == "DELETE":
        row["member_ids"] = [each for each in row["member_ids"] if each not in ids]
    else:
        row["member_ids"] = list(dict.fromkeys(row["member_ids"] + ids))
    site.store.save("team", row)
    return EMPTY if request.method == "DELETE" else _members(site, row)


def _members(site: Site, team: Row) -> list[dict[str, Any]]:
    return [settings.agent(site, site.find("agent", each)) for each in team["member_ids"]]
