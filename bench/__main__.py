"""`python -m bench [name ...] [--quick] [--json]`: run the benches and compare with the limits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from bench import (
    ack,
    burst,
    growth,
    invoices,
    mail,
    page,
    photo,
    reminders,
    search,
    slots,
    start,
    steady,
    viewers,
)
from bench.figures import Figure, as_json, machine

BENCHES: dict[str, tuple[Callable[[], list[Figure]], Callable[[], list[Figure]]]] = {
    "ack": (ack.run, lambda: ack.run(rounds=2, count=1000)),
    "growth": (growth.run, lambda: growth.run(sizes=(1_000, 20_000), calls=100)),
    "burst": (burst.run, lambda: burst.run(count=200, rounds=1)),
    "steady": (steady.run, lambda: steady.run(seconds=20)),
    "search": (search.run, lambda: search.run(calls=100)),
    "photo": (photo.run, lambda: photo.run(times=1)),
    "slots": (slots.run, lambda: slots.run(rounds=3)),
    "viewers": (viewers.run, lambda: viewers.run(viewers=100, updates=20, waves=5)),
    "page": (page.run, lambda: page.run(times=1)),
    "invoices": (invoices.run, lambda: invoices.run(count=100)),
    "mail": (mail.run, lambda: mail.run(seconds=20)),
    "reminders": (reminders.run, lambda: reminders.run(count=5_000, seconds=15)),
    "start": (start.run, lambda: start.run(times=1)),
}
ALIASES = {"memory": "steady"}  # memory is read at the end of the steady load


def main() -> int:
    """0 when every limit was kept, else 1."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the service.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)} or memory; "
                        "all without a name")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small loads, to see that all works")
    parser.add_argument("--seconds", type=float, help="how long steady lasts (default: 300)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    names = dict.fromkeys(ALIASES.get(name, name) for name in args.names or BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"no such bench: {', '.join(unknown)}")
    benches = dict(BENCHES)
    if args.seconds:
        benches["steady"] = (lambda: steady.run(seconds=args.seconds),) * 2
    figures = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += benches[name][int(args.quick)]()
    if args.json:
        print(as_json(figures))
    else:
        print("\n".join([machine(), *(figure.line() for figure in figures)]))
    return int(not all(figure.is_kept for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
