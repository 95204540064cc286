"""Verbs about Chatwoot and the outside: `provision`, `doctor`, `reconcile`, `demo`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from app import Mendline
from bridge import cli
from bridge.cli import demo, provisioning
from bridge.cli.parts import service
from chatwoot import provision
from chatwoot.codes import Mask
from chatwoot.reconcile import Reconcile


def add_verbs(verb: Callable, _: Callable) -> None:
    one = verb(
        "provision", run_provision, "set up or adopt everything the service needs in Chatwoot"
    )
    one.add_argument("--dry-run", action="store_true", help="only show what would change")
    one.add_argument("--manifest", type=Path, default=provision.SHIPPED, help="the YAML to follow")
    one = verb("doctor", run_doctor, "check settings, stores and every outside service")
    one.add_argument("--mail-to", metavar="ADDRESS", help="send a test mail there as well")
    one.add_argument(
        "--text-to", metavar="NUMBER", help="send a test SMS there, such as +447700900123"
    )
    one = verb(
        "reconcile", run_reconcile, "find what Chatwoot's and Stripe's webhooks failed to bring"
    )
    one.add_argument("--hours", type=float, help="look back at least this far")
    one = verb("demo", demo.run, "play a scripted afternoon in the running sandbox")
    one.add_argument("--url", help="where the service answers (default: the running `up`)")
    one.add_argument("--sandbox", help="where the sandbox answers (default: the running `up`'s)")


def run_provision(args: argparse.Namespace) -> None:
    with service() as parts:
        changes = provisioning.carry_out(parts, manifest_path=args.manifest, dry_run=args.dry_run)
    cli.show(args, [asdict(change) for change in changes], _lines(changes, args.dry_run))


def _lines(changes: list[provision.Change], dry_run: bool) -> list[str]:
    lines = []
    for change in changes:
        if change.action == "ok":
            continue
        lines.append(f"{change.action:7} {change.kind} {change.name}")
        lines += [f"          {field}: {there!r} -> {wanted!r}"
                  for field, (there, wanted) in change.differences.items()]  # fmt: skip
    same = sum(change.action == "ok" for change in changes)
    lines.append(f"{same} as they should be, {len(changes) - same} "
                 + ("would be changed" if dry_run else "changed"))  # fmt: skip
    return lines


def run_doctor(args: argparse.Namespace) -> int:
    from bridge import doctor  # large, and of no use to the processes that stay

    with service() as parts:
        checks = doctor.checks(parts, provisioning.learned(parts))
        checks += doctor.trials(parts, mail_to=args.mail_to, text_to=args.text_to)
    lines = []
    for check in checks:
        lines.append(f"{check.state:4}  {check.name}: {check.detail}")
        if check.todo:
            lines.append(f"      → {check.todo}")
    cli.show(args, [asdict(check) for check in checks], lines)
    return int(any(check.state == "fail" for check in checks))


def run_reconcile(args: argparse.Namespace) -> None:
    with service() as parts:
        look_back = timedelta(hours=args.hours) if args.hours else None
        run = Reconcile(provisioning.client_of(parts), parts.units, Mask(parts.seal)).run(
            look_back=look_back
        )
        data = {"conversations": run.conversations, "found": run.found,
                "watermark_at": run.watermark_at,
                "stripe_found": _reconcile_stripe(parts, look_back)}  # fmt: skip
    lines = [f"{run.conversations} conversations compared, {run.found} lost events found"]
    if data["stripe_found"] is not None:
        lines.append(f"{data['stripe_found']} lost events of Stripe's found")
    cli.show(args, data, lines)


def _reconcile_stripe(parts: Mendline, look_back: timedelta | None) -> int | None:
    """How many lost events were found; None where no cards are taken."""
    told = parts.settings.stripe
    if told is None:
        return None
    from bridge.integrations.stripe import client, reconcile  # large

    seconds = parts.settings.periods.outgoing_timeout_seconds
    asked = client.Client(told, seconds)
    return reconcile.Reconcile(asked, parts.units).run(look_back=look_back).found
