"""Verbs on records: `dead`, `keys`, `staff`, `audit`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge import cli
from bridge.cli.parts import OPERATOR, service
from crm.core import audit, deadletters
from crm.core.deadletters import Filter
from crm.core.errors import Invalid
from crm.repairs import status_maps
from crm.repairs.status_maps import Meaning
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.staff import roles, sessions
from crm.staff import service as staff

TABLES = ("inbox", "outbox")
MAP_HELP = "understand the status names of this shop system"


def add_verbs(verb: Callable, group: Callable) -> None:
    dead = group("dead", "deliveries and effects that wait for a person")
    one = verb("list", dead_list, "list them", dead)
    _add_filter(one)
    one = verb("show", dead_show, "show one", dead)
    _add_row(one)
    for name, run in (("replay", dead_replay), ("discard", dead_discard)):
        one = verb(name, run, f"{name} one by id, or many by filter", dead)
        one.add_argument("table", choices=TABLES)
        one.add_argument("id", type=int, nargs="?")
        _add_filter(one, table=False)
        one.add_argument("--dry-run", action="store_true", help="only say how many")
        if name == "discard":
            one.add_argument("--why", required=True, help="kept with the row and in the audit log")

    keys = group("keys", "API keys of shop systems and programs")
    one = verb("create", keys_create, "make a key; its secrets are shown once", keys)
    one.add_argument("--name", required=True)
    one.add_argument("--role", required=True, choices=roles.ROLES)
    one.add_argument("--map", choices=sorted(status_maps.ready_made()), help=MAP_HELP)
    one = verb("map", keys_map, "say what the holder of a key calls the statuses", keys)
    one.add_argument("id")
    one.add_argument("--base", choices=sorted(status_maps.ready_made()), help=MAP_HELP)
    one.add_argument(
        "--set", action="append", default=[], metavar="NAME=STATUS[,FLAG...]",
        help="an entry of its own; `NAME=,on_hold` sets a flag and leaves the stage",
    )  # fmt: skip
    verb("list", keys_list, "list the keys", keys)
    for name, run, text in (
        ("revoke", keys_revoke, "end a key at once"),
        ("rotate", keys_rotate, "new webhook secret; the old one stays good for 24 hours"),
    ):
        verb(name, run, text, keys).add_argument("id")

    people = group("staff", "people who sign in")
    one = verb("create", staff_create, "add a person and print a one-time sign-in link", people)
    one.add_argument("--email", required=True)
    one.add_argument("--name", default="")
    one.add_argument("--role", required=True, choices=roles.STAFF_ROLES)
    verb("list", staff_list, "list them", people)
    verb("disable", staff_disable, "end their sessions and rights", people).add_argument("email")

    log = group("audit", "the audit log")
    verb("verify", audit_verify, "check the hash chain", log)


def _add_row(one: argparse.ArgumentParser) -> None:
    one.add_argument("table", choices=TABLES)
    one.add_argument("id", type=int)


def _add_filter(one: argparse.ArgumentParser, *, table: bool = True) -> None:
    if table:
        one.add_argument("table", choices=TABLES, nargs="?", help="default: both")
    one.add_argument("--source", help="source (inbox) or destination (outbox)")
    one.add_argument("--type", help="event type (inbox) or kind (outbox)")
    one.add_argument("--reason", help="a part of the reason")
    one.add_argument("--since", type=datetime.fromisoformat, help="ISO 8601 with a zone")
    one.add_argument("--until", type=datetime.fromisoformat, help="ISO 8601 with a zone, exclusive")


def _filter(args: argparse.Namespace, state: str | None = None) -> Filter:
    return Filter(state=state, source=args.source, type=args.type, reason=args.reason,
                  since=args.since, until=args.until)  # fmt: skip


def dead_list(args: argparse.Namespace) -> None:
    found = []
    with service() as parts, parts.units() as uow:
        for table in [args.table] if args.table else TABLES:
            for state in ("dead",) if table == "inbox" else ("dead", "unsure"):
                rows = deadletters.listed(uow, table, _filter(args, state), limit=100).items
                found += [_brief(table, row) for row in rows]
    lines = [
        f"{r['table']:6} {r['id']:>8}  {r['state']:6} {r['type']}  {r['reason']}" for r in found
    ]
    cli.show(args, found, lines or ["nothing waits for a person"])


def _brief(table: str, row: Any) -> dict[str, Any]:
    return {"table": table, "id": row.id, "state": row.state, "attempts": row.attempts,
            "type": row.type if table == "inbox" else row.kind, "reason": row.reason}  # fmt: skip


def dead_show(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        row = deadletters.show(uow, args.table, args.id)
        data = _brief(args.table, row) | {"body": deadletters.masked(row)}
    cli.show(args, data, [f"{name}: {value}" for name, value in data.items()])


def dead_replay(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        if args.id is not None:
            deadletters.replay(uow, args.table, args.id, OPERATOR)
            outcome = deadletters.Outcome(1, 1, [args.id])
        else:
            outcome = deadletters.replay_many(
                uow, args.table, _filter(args), OPERATOR, dry_run=args.dry_run
            )
    cli.show(args, asdict(outcome), [f"{outcome.matched} found, {outcome.changed} replayed"])


def dead_discard(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        if args.id is not None:
            deadletters.discard(uow, args.table, args.id, OPERATOR, args.why)
            outcome = deadletters.Outcome(1, 1, [args.id])
        else:
            outcome = deadletters.discard_many(
                uow, args.table, _filter(args), OPERATOR, args.why, dry_run=args.dry_run
            )
    cli.show(args, asdict(outcome), [f"{outcome.matched} found, {outcome.changed} discarded"])


def keys_create(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        key = staff.create_key(uow, parts.seal, OPERATOR, name=args.name, role=args.role)
        if args.map:
            uow.session.flush()
            status_maps.set_map(uow, OPERATOR, key.id, base=args.map)
        data = {"id": key.id, "key": key.key, "webhook_path": key.webhook_path,
                "webhook_secret": key.webhook_secret}  # fmt: skip
    cli.show(args, data, [f"{name}: {value}" for name, value in data.items() if value]
             + ["Keep the key and the secret now: they are not shown again."])  # fmt: skip


def keys_map(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        own = [_entry(told) for told in args.set]
        key = status_maps.set_map(uow, OPERATOR, args.id, base=args.base, own=own)
        names = status_maps.of_key(key).names
    cli.show(args, {"id": args.id, "base": args.base, "understood": names}, names)


def _entry(told: str) -> Meaning:
    """`NAME=STATUS,FLAG`. Raises Invalid."""
    name, sign, rest = told.rpartition("=")
    status, *flags = (word.strip() for word in rest.split(","))
    if not sign or {status, ""} - {*RepairStatus, ""} or set(flags) - set(RepairFlag):
        raise Invalid(f"{told}: write NAME=STATUS, NAME=STATUS,FLAG or NAME=,FLAG")
    return Meaning(
        name.strip(),
        RepairStatus(status) if status else None,
        tuple(RepairFlag(flag) for flag in flags),
    )


def keys_list(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        data = [{"id": k.id, "name": k.name, "role": k.role, "revoked": k.revoked_at is not None,
                 "last_used_at": k.last_used_at} for k in staff.list_keys(uow)]  # fmt: skip
    lines = [
        f"{k['id']}  {k['role']:10} {k['name']}{'  revoked' if k['revoked'] else ''}" for k in data
    ]
    cli.show(args, data, lines or ["no keys yet"])


def keys_revoke(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        staff.revoke_key(uow, OPERATOR, args.id)
    cli.show(args, {"id": args.id, "revoked": True}, [f"{args.id} is revoked"])


def keys_rotate(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        secret = staff.rotate_secret(uow, parts.seal, OPERATOR, args.id)
    cli.show(args, {"id": args.id, "webhook_secret": secret}, [f"webhook_secret: {secret}"])


def staff_create(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        person = staff.create_staff(uow, OPERATOR, email=args.email, name=args.name, role=args.role)
        token = sessions.create_link(uow, OPERATOR, person)
        link = f"{parts.settings.public_url}/admin/sign-in/{token}"
        data = {"id": person.id, "email": person.email, "role": person.role, "sign_in_link": link}
    cli.show(
        args,
        data,
        [f"{data['email']} ({data['role']})", f"sign in once, within 15 minutes: {link}"],
    )


def staff_list(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        data = [{"id": p.id, "email": p.email, "name": p.name, "role": p.role,
                 "is_active": p.is_active} for p in staff.list_staff(uow)]  # fmt: skip
    lines = [f"{p['email']}  {p['role']}{'' if p['is_active'] else '  disabled'}" for p in data]
    cli.show(args, data, lines or ["nobody yet"])


def staff_disable(args: argparse.Namespace) -> None:
    with service() as parts, parts.units() as uow:
        person = staff.staff_by_email(uow, args.email)
        staff.disable_staff(uow, OPERATOR, person.id)
    cli.show(args, {"email": args.email, "is_active": False}, [f"{args.email} is disabled"])


def audit_verify(args: argparse.Namespace) -> int:
    with service() as parts, parts.units() as uow:
        count, broken = audit.verify(uow)
    data = {"rows": count, "broken_at": broken}
    cli.show(args, data, [f"broken at row {broken}" if broken else f"{count} rows, chain whole"])
    return int(broken is not None)
