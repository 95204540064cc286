"""Steady load on the whole service: waits of the sender, nothing lost, memory at the end.

Messages come at a fixed rate, ten to a conversation, so new conversations keep arriving; web,
two workers, scheduler and the sandbox run as `app.py up` starts them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from statistics import quantiles

from bench import rest
from bench.client import Traffic, send
from bench.figures import Figure
from bench.machinery import SECRET, Service, state_directory, whole_service

PER_SECOND = 50
MESSAGES_EACH = 10
WEB_MB, WORKER_MB = 150, 120
REST_SECONDS = 240.0


def run(*, seconds: float = 300) -> list[Figure]:
    count = int(seconds * PER_SECOND)
    with state_directory() as state, whole_service(state) as service:
        threads = rest.quiet_threads(service, count // MESSAGES_EACH)
        outcome = send(
            Traffic(service.port, SECRET, threads, rest.FIRST_ID, count, per_second=PER_SECOND)
        )
        memory = _memory(service)
        rest.wait(service, REST_SECONDS)
        found = rest.check(service, said=outcome.statuses[202])
    steps = quantiles(outcome.waits, n=100, method="inclusive")
    accepted = outcome.statuses[202]
    return [
        Figure(f"steady: {PER_SECOND}/s, accepted in {seconds:g} s", accepted, ""),
        Figure("steady: not accepted", count - accepted, "", at_most=0),
        Figure("steady: accepted but not stored", accepted - found.delivered, "", at_most=0),
        Figure("steady: conversations with exactly one ticket", found.tickets_bound, ""),
        Figure("steady: effects done in Chatwoot", found.effects, ""),
        Figure("steady: wait, median", steps[49] * 1000, "ms"),
        Figure("steady: wait, p99", steps[98] * 1000, "ms", at_most=300),
        Figure("steady: wait, longest", max(outcome.waits) * 1000, "ms", at_most=2000),
        *memory,
    ]


def _memory(service: Service) -> list[Figure]:
    """Resident megabytes of the largest process of each kind."""
    limits = {"web": WEB_MB, "worker": WORKER_MB, "scheduler": None}
    sizes = defaultdict(list)
    for pid in _descendants(service.process.pid):
        kind = _kind(pid)
        if kind in limits:
            sizes[kind].append(_resident_mb(pid))
    return [
        Figure(f"memory: {kind}, the largest of {len(sizes[kind])}", max(sizes[kind]), "MB",
               at_most=limit)
        for kind, limit in limits.items()
    ]  # fmt: skip


def _kind(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").strip()
    if command.endswith("app:web()"):
        return "web"
    return command.rpartition("app.py ")[2]


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _descendants(pid: int) -> list[int]:
    """Linux only, like the limits on containers that the figures are for."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in re.findall(r"\d+", (task / "children").read_text()):
            found += [int(child), *_descendants(int(child))]
    return found
