"""The verbs of `app.py`: what each takes and which function does it.

They stand in rooms, and only the room of the verb that is asked for is loaded: the processes that
stay need little of what the others do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy.exc import OperationalError

from bridge.settings import SettingsError
from crm.core.errors import MendlineError
from jobs.postgres import StoreError

Verb = Callable[[argparse.Namespace], Any]
ROOMS = {
    "up": ("up",),
    "servers": ("web", "sandbox"),
    "processes": ("worker", "scheduler", "migrate", "openapi"),
    "chatwoot": ("provision", "doctor", "reconcile", "demo"),
    "records": ("dead", "keys", "staff", "audit"),
    "customers": ("customer",),
    "catalog": ("seed", "catalog"),
    "mail": ("bounce",),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. 0 when it worked, 1 when it failed, 2 when it was called wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    try:
        result = args.run(args)
    except (SettingsError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    except MendlineError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    except OperationalError as error:
        print(f"database: {error.orig}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) else 0


def show(args: argparse.Namespace, data: Any, lines: Sequence[str]) -> None:
    """Print what a verb found: JSON for machines, lines for people."""
    if args.json:
        print(json.dumps(data, indent=2, default=str, ensure_ascii=False))
    else:
        print("\n".join(lines))


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """For the room of the first word; for all rooms when it is none of their verbs."""
    parser = argparse.ArgumentParser(
        prog="app.py", description="Mendline: repairs beside a self-hosted Chatwoot."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Verb, help_text: str, parent: Any = verbs) -> argparse.ArgumentParser:
        one = parent.add_parser(name, help=help_text, description=help_text)
        one.add_argument("--json", action="store_true", help="print data as JSON")
        one.set_defaults(run=run)
        return one

    def group(name: str, help_text: str) -> Any:
        return verbs.add_parser(name, help=help_text, description=help_text).add_subparsers(
            metavar="VERB", required=True
        )

    rooms = [room for room, names in ROOMS.items() if words and words[0] in names]
    for room in rooms or ROOMS:
        import_module(f"bridge.cli.{room}").add_verbs(verb, group)
    return parser
