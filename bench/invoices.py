"""A thousand invoices issued and drawn, each in a transaction of its own: how many a second.

Measured are number, frozen content, PDF and commit on durable stores, in a process of its own
(`python -m bench.invoices DATABASE_URL COUNT`), because a program inherits the peak of whoever
started it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import crm.repairs.models  # noqa: F401 - the documents refer to its table
from bench.figures import Figure
from bench.machinery import migrated_stores, state_directory
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.core.money import Line
from crm.core.shop import Links, Shop
from crm.core.uow import Units
from crm.invoices import company, pdf, service
from crm.invoices.company import Facts
from crm.invoices.service import Buyer, NewInvoice

LEAST_PER_SECOND, MOST_MEGABYTES = 20.0, 150.0
SHOP = Shop("Quay Phones", ZoneInfo("Europe/London"), "GBP", "en", timedelta(0),
            Links("https://bench.example", ("a key of the bench",)))  # fmt: skip
RATES = (("standard", 2000), ("zero", 0), ("margin", 0))


def run(*, count: int = 1000) -> list[Figure]:
    with state_directory() as state, migrated_stores(state) as stores:
        command = [sys.executable, "-m", "bench.invoices", stores.database_url, str(count)]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if told["last"] != count:
        raise AssertionError(f"{count} were issued, and the last has number {told['last']}")
    return [
        Figure("invoices: issued and drawn", count / told["seconds"], "/s",
               at_least=LEAST_PER_SECOND),
        Figure("invoices: peak memory", told["megabytes"], "MB", at_most=MOST_MEGABYTES),
        Figure("invoices: size of a PDF", told["bytes"] / count / 1000, "kB"),
    ]  # fmt: skip


def _measured(database_url: str, count: int) -> dict[str, float]:
    units, draw = Units(make_engine(database_url)), Random(7)
    with units() as uow:
        facts = Facts("Quay Phones Limited", ("1 Quay Street", "Harbour Town"), "GB123456789")
        company.put(uow, facts, SYSTEM)
    started, size, number = time.perf_counter(), 0, ""
    for _ in range(count):
        with units() as uow:
            invoice = service.issue(uow, SHOP, _new(draw), SYSTEM)
            size += len(pdf.of(uow, invoice))
            number = invoice.number
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": size, "last": int(number.rpartition("-")[2]),
            "megabytes": _own_peak() / 1000}  # fmt: skip


def _new(draw: Random) -> NewInvoice:
    """One to eight lines at mixed rates; every third is made out to a company."""
    lines = tuple(
        Line(f"Screen and frame, grade {n}", draw.randint(500, 40_000), *draw.choice(RATES),
             quantity=draw.randint(1, 3))
        for n in range(draw.randint(1, 8))
    )  # fmt: skip
    is_asked = draw.random() < 1 / 3
    buyer = Buyer("Brandt & Co", ("1 High Street", "London")) if is_asked else None
    return NewInvoice(lines, "GBP", draw.choice(("en", "pt")), buyer=buyer)


def _own_peak() -> int:
    """The most resident memory of this process so far, in kB (proc_pid_status(5))."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], int(sys.argv[2]))))
