"""Open tracking pages on one web process: how soon all hear of an update, what others notice, memory.

1,000 streams are held by a process of its own, a hundred on each of ten repairs. Updates go straight
to the database, as a worker writes them: to one repair at a time, and to all ten in one moment. The
same paced webhooks are sent before and beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import selectors
import socket
import threading
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import app
from app import Mendline
from bench.bodies import Thread
from bench.client import Outcome, Traffic, send
from bench.figures import Figure
from bench.machinery import SECRET, migrated_stores, served, state_directory
from crm.core.events import SYSTEM
from crm.repairs import service as repairs
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address

REPAIRS = 10
PER_SECOND = 50.0
MOST_MS, MOST_GROWTH, MOST_KB = 500.0, 2.0, 50.0
PATIENCE = 20.0


def run(*, viewers: int = 1000, updates: int = 120, waves: int = 20) -> list[Figure]:
    seconds = updates * 0.1 + waves * 0.5
    with (
        state_directory() as state,
        migrated_stores(state) as stores,
        served("app:web()", stores, state, WEB_WORKERS="1") as port,
    ):
        environ = {"STATE_DIR": str(state), "CHATWOOT_WEBHOOK_SECRET": SECRET}
        parts = app.compose(app.load_settings(environ), stores.database_url, None)
        paths, refs = _repairs(parts)
        _traffic(port, 1, 200)
        quiet = _traffic(port, 1_000, int(seconds * PER_SECOND))
        worker = _worker(port)
        before = _resident_kb(worker)
        with _audience(port, [paths[n % REPAIRS] for n in range(viewers)]) as audience:
            memory = (_resident_kb(worker) - before) / viewers
            beside: list[Outcome] = []
            sender = threading.Thread(
                target=lambda: beside.append(_traffic(port, 50_000, int(seconds * PER_SECOND)))
            )
            sender.start()
            time.sleep(1.0)
            single = [_update(parts, audience, [refs[n % REPAIRS]], viewers // REPAIRS, 0.1)
                      for n in range(updates)]  # fmt: skip
            all_at_once = [_update(parts, audience, refs, viewers, 0.5) for _ in range(waves)]
            sender.join()
        parts.engine.dispose()
    p99 = {"alone": _p99(quiet.waits), "beside": _p99(beside[0].waits)}
    return [
        Figure("viewers: open on one web process", viewers, ""),
        Figure(f"viewers: update to the last of {viewers // REPAIRS}, p99", _p99(single), "ms", at_most=MOST_MS),
        Figure(f"viewers: ten updates to the last of {viewers}, p99", _p99(all_at_once), "ms",
               at_most=MOST_MS),
        Figure("viewers: webhook p99 without them", p99["alone"], "ms"),
        Figure("viewers: webhook p99 beside them", p99["beside"], "ms"),
        Figure("viewers: webhook p99, beside against without", p99["beside"] / p99["alone"],
               "times", at_most=MOST_GROWTH),
        Figure("viewers: memory of each", memory, "kB", at_most=MOST_KB),
    ]  # fmt: skip


def _p99(seconds: list[float]) -> float:
    return 1000 * quantiles(seconds, n=100, method="inclusive")[98]


def _repairs(parts: Mendline) -> tuple[list[str], list[str]]:
    paths, refs = [], []
    with parts.units() as uow:
        for _ in range(REPAIRS):
            repair = open_repair(
                uow, NewRepair(customer_id=None, device="iPhone 13"), SYSTEM, by_staff=False
            )
            refs.append(repair.ref)
            paths.append(urlsplit(parts.shop.links.track(repair.id, repair.received_at)).path)
    return paths, refs


def _traffic(port: int, first_id: int, count: int) -> Outcome:
    threads = (Thread(number=1, contact_id=1),)
    return send(Traffic(port, SECRET, threads, first_id, count, per_second=PER_SECOND))


def _update(
    parts: Mendline, audience: Connection, refs: list[str], viewers: int, pause: float
) -> float:
    """Seconds from the commit to the last viewer's message."""
    with parts.units() as uow:
        for ref in refs:
            repairs.note(uow, Address(ref=ref), SYSTEM, outcome="note", note="still at it")
        uow.session.flush()
        audience.send(viewers)
        audience.recv()
    committed = time.monotonic()
    if not audience.poll(PATIENCE):
        raise TimeoutError("an update did not reach every viewer")
    last = audience.recv()
    time.sleep(pause)
    return max(0.0, last - committed)


class _audience:
    """The viewers, in a process of their own."""

    def __init__(self, port: int, paths: list[str]):
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_watch, args=(theirs, port, paths), daemon=True)

    def __enter__(self) -> Connection:
        self._process.start()
        if not self._ours.poll(60):
            raise TimeoutError("the viewers did not come in")
        self._ours.recv()
        time.sleep(2.0)
        return self._ours

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.join()


def _watch(orders: Connection, port: int, paths: list[str]) -> None:
    """Hold the streams; on each order tell when so many messages have come since."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    selector = selectors.DefaultSelector()
    for path in paths:
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(f"GET {path}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        selector.register(one, selectors.EVENT_READ)
    seen: dict[socket.socket, bytes] = defaultdict(bytes)
    present = 0
    while present < len(paths):
        present += _heard(selector, seen)
    orders.send("here")
    selector.register(orders, selectors.EVENT_READ)
    wanted = heard = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is orders:
                wanted, heard = orders.recv(), 0
                orders.send("ready")
            else:
                heard += key.fileobj.recv(65536).count(b"event: repair")
        if wanted and heard >= wanted:
            orders.send(time.monotonic())
            wanted = 0


def _heard(selector: selectors.BaseSelector, seen: dict[socket.socket, bytes]) -> int:
    """How many viewers got their first message now."""
    found = 0
    for key, _ in selector.select():
        chunk = key.fileobj.recv(65536)
        if not chunk:
            raise ConnectionError(seen[key.fileobj][:200])
        seen[key.fileobj] += chunk
        found += b"event: repair" in chunk
    return found


def _worker(port: int) -> int:
    """The one worker of the web process that listens on this port."""
    name = f"127.0.0.1:{port}"
    masters = [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline")
        if name in path.read_text() and "gunicorn" in path.read_text()
    ]  # fmt: skip
    (worker,) = [
        int(child) for pid in masters
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]  # fmt: skip
    return worker


def _resident_kb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000
