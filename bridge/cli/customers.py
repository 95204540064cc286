"""Verbs on one person: `customer export`, `customer erase`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import app
from bridge import cli
from bridge.cli.parts import OPERATOR, service
from bridge.integrations.files.place import file_store
from crm.core.errors import Conflict, NotFound, Temporary
from crm.customers import service as customers
from crm.privacy import erasing, exporting
from crm.privacy.erasing import Erased

ERASED_FILE = "erased"


def add_verbs(verb: Callable, group: Callable) -> None:
    customer = group("customer", "what is held about one person")
    one = verb("export", export, "write everything into one ZIP", customer)
    one.add_argument("ref", help="reference of the customer")
    one.add_argument(
        "--out", type=Path, help="file to write (default: <ref>.zip); never overwritten"
    )
    one = verb("erase", erase, "erase the person, here and in Chatwoot", customer)
    one.add_argument("ref", nargs="?", help="reference of the customer")
    one.add_argument("--again", action="store_true",
                     help="instead: everybody erased before, after a backup was restored")  # fmt: skip
    one.add_argument("--yes", action="store_true", help="really do it; there is no way back")


def export(args: argparse.Namespace) -> None:
    out = args.out or Path(f"{args.ref}.zip")
    with service() as parts:
        with parts.units() as uow:
            data, files = exporting.collect(uow, args.ref, OPERATOR)
        try:
            # For the eyes of its owner only, as what is in it.
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Conflict(f"{out} cannot be written: {error.strerror}") from error
        with open(handle, "wb") as target:
            exporting.write_zip(target, data, files, file_store(parts.settings))
    told = {"file": str(out), "rows": {name: len(rows) for name, rows in data["tables"].items()},
            "files": len(files)}  # fmt: skip
    lines = [f"{out}: {len(files)} files and"] + [
        f"  {n} {name}" for name, n in told["rows"].items()
    ]
    cli.show(args, told, lines)


def erase(args: argparse.Namespace) -> None:
    if bool(args.ref) == args.again:
        raise Conflict("give the reference of a customer, or --again")
    if not args.yes:
        raise Conflict("this cannot be undone: export first if it is wanted, then add --yes")
    with service() as parts:
        listed = parts.settings.state_dir / ERASED_FILE
        if args.ref:
            done = {args.ref: _erase(parts, args.ref, listed)}
        else:
            refs = dict.fromkeys(listed.read_text().split()) if listed.exists() else {}
            done = {ref: _erase(parts, ref, None) for ref in refs if _is_there(parts, ref)}
    lines = []
    for ref, one in done.items():
        lines.append(f"{ref} erased: {one.rows} rows, {len(one.file_keys)} files; what stays:")
        lines += [f"  {sentence}" for sentence in one.kept]
    told = [{"ref": ref, "rows": one.rows, "files": len(one.file_keys), "kept": one.kept}
            for ref, one in done.items()]  # fmt: skip
    cli.show(args, told if args.again else told[0], lines or ["nobody came back"])


def _erase(parts: app.Mendline, ref: str, listed: Path | None) -> Erased:
    """listed: keeps the reference outside the database, for the time after a restore."""
    with parts.units() as uow:
        done = erasing.erase(uow, ref, OPERATOR)
        if listed is not None:
            with listed.open("a") as file:
                file.write(f"{ref}\n")
    store, left = file_store(parts.settings), 0
    for key in done.file_keys:
        try:
            store.drop(key)
        except Temporary:
            left += 1
    if not left:
        return done
    # They have no row any more, so the sweep tries again until they are gone.
    told = f"the bytes of {left} files, until the store can be reached: the sweep drops them then"
    return replace(done, kept=[*done.kept, told])


def _is_there(parts: app.Mendline, ref: str) -> bool:
    with parts.units() as uow:
        try:
            customers.by_ref(uow, ref)
        except NotFound:
            return False
    return True
