"""Verbs on the catalogue: `seed`, `catalog export`, `catalog import`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bridge import cli
from bridge.cli.parts import OPERATOR, service
from crm.catalog.kinds import KINDS
from crm.catalog.sheets import MOST_BYTES
from crm.core.errors import Invalid

PIPE = "-"


class DryRun(Exception):
    """Ends a unit of work without keeping anything."""


def add_verbs(verb: Callable, group: Callable) -> None:
    verb(
        "seed",
        run_seed,
        "load or update the catalogue, make a first location; the shop's edits stay",
    )
    sheets = group("catalog", "the catalogue as CSV files")
    one = verb("export", run_export, "write a sheet", sheets)
    one.add_argument("kind", choices=KINDS)
    one.add_argument("file", nargs="?", default=PIPE, help="default: standard output")
    one = verb("import", run_import, "add and change rows; one fault and nothing changes", sheets)
    one.add_argument("kind", choices=KINDS)
    one.add_argument("file", help="a CSV file, or - for standard input")
    one.add_argument("--dry-run", action="store_true", help="only say what would change")


def run_seed(args: argparse.Namespace) -> None:
    from crm.bookings import opening
    from crm.catalog import service as catalog

    with service() as parts, parts.units() as uow:
        counts = catalog.seed(uow)
        told = parts.settings
        is_first = opening.furnish(uow, told.shop_name, told.shop_timezone)
    currency = told.currency
    lines = [f"{name:14} {_told(one)}" for name, one in counts.items()]
    if is_first:
        lines.append("Made a first location with a bench and a technician: it can be booked now.")
    if currency != catalog.SHIPPED_CURRENCY:
        lines.append(
            f"The shipped prices are in {catalog.SHIPPED_CURRENCY}; bring yours in {currency} with "
            "`app.py catalog export repair-types` and `import`."
        )
    cli.show(args, counts, lines)


def run_export(args: argparse.Namespace) -> None:
    from crm.catalog import service as catalog

    with service() as parts, parts.units() as uow:
        sheet = catalog.export(uow, KINDS[args.kind])
    if args.file == PIPE:
        sys.stdout.write(sheet)
    else:
        # newline: the sheet has its line ends already.
        Path(args.file).write_text(sheet, encoding="utf-8", newline="")


def run_import(args: argparse.Namespace) -> None:
    from crm.catalog import service as catalog

    data = _read(args.file)
    try:
        with service() as parts, parts.units() as uow:
            counts = catalog.take_in(uow, OPERATOR, KINDS[args.kind], data)
            if args.dry_run:
                raise DryRun
    except DryRun:
        cli.show(args, counts, [f"would be: {_told(counts)}"])
    else:
        cli.show(args, counts, [_told(counts)])


def _read(name: str) -> bytes:
    """At most one byte more than is allowed, which is then refused."""
    if name == PIPE:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        with Path(name).open("rb") as source:
            return source.read(MOST_BYTES + 1)
    except OSError as error:
        raise Invalid(f"cannot read {name}: {error.strerror}") from error


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())
