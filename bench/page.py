"""The tracking page over the line: its bytes with all it needs, and how soon it can be read on a bad one.

Chromium, as a phone that has never been here, opens the page of a repair with a history and four
released pictures. The line is slowed by the browser itself, to what a phone has at the edge of
coverage.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from statistics import median
from urllib.parse import urlsplit

import app
from app import Mendline
from bench.figures import Figure
from bench.machinery import SECRET, migrated_stores, served, state_directory
from crm.core.events import SYSTEM
from crm.files import service as files
from crm.files.receiving import receiving
from crm.files.service import Filing, Owner
from crm.files.store import Store
from crm.repairs import service as repairs
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus

KBITS, LATENCY_MS = 400, 400
MOST_KB, MOST_SECONDS = 60.0, 3.0
SETTLE_SECONDS = 2.0
PICTURES = 4
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FIRST_PAINT = """performance.getEntriesByName('first-contentful-paint')
    .map(entry => entry.startTime / 1000)[0] ?? null"""


def run(*, times: int = 5) -> list[Figure]:
    with (
        state_directory() as state,
        migrated_stores(state) as stores,
        served("app:web()", stores, state) as port,
    ):
        environ = {"STATE_DIR": str(state), "CHATWOOT_WEBHOOK_SECRET": SECRET}
        parts = app.compose(app.load_settings(environ), stores.database_url, None)
        url = f"http://127.0.0.1:{port}{_path(parts, Store(state / 'files'))}"
        weights, readable, painted = [], [], []
        with _browser() as browser:
            _visit(browser, url, slowed=False)
            for _ in range(times):
                weight, *_rest = _visit(browser, url, slowed=False)
                _, visible, paint = _visit(browser, url, slowed=True)
                weights.append(weight)
                readable.append(visible)
                painted.append(paint)
        parts.engine.dispose()
    return [
        Figure("page: over the line, with everything on it", max(weights) / 1000, "kB",
               at_most=MOST_KB),
        Figure("page: state readable on a slow line, median", median(readable), "s"),
        Figure("page: state readable on a slow line, slowest", max(readable), "s",
               at_most=MOST_SECONDS),
        Figure("page: first contentful paint, slowest", max(painted), "s", at_most=MOST_SECONDS),
    ]  # fmt: skip


def _path(parts: Mendline, store: Store) -> str:
    """A repair in the middle of its way, with released pictures."""
    with parts.units() as uow:
        new = NewRepair(customer_id=None, device="Samsung Galaxy S21 Ultra 5G")
        repair = open_repair(uow, new, SYSTEM, by_staff=False)
        for status in (RepairStatus.DIAGNOSING, RepairStatus.REPAIRING):
            news = StatusNews(status, by_staff=False, note="The screen and the battery are new.")
            repairs.change_status(uow, Address(ref=repair.ref), news, SYSTEM)
    with receiving(store) as taken:
        drafts = [taken.take(io.BytesIO(_photo(n)), f"{n}.jpg") for n in range(PICTURES)]
        with parts.units() as uow:
            owner, filing = Owner(repair_id=repair.id), Filing("api", SYSTEM)
            for file in files.add(uow, store, owner, drafts, filing):
                files.release(uow, file, True, SYSTEM)
    return urlsplit(parts.shop.links.track(repair.id, repair.received_at)).path


def _photo(seed: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - only this bench needs it

    noise = Random(seed).randbytes(40 * 30 * 3)
    image = Image.frombytes("RGB", (40, 30), noise).resize((1600, 1200), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


@contextmanager
def _browser() -> Iterator:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this bench needs it

    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("this bench needs chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


def _visit(browser, url: str, *, slowed: bool) -> tuple[int, float, float]:
    """(bytes received, seconds until the state can be seen, seconds until the first paint)."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    if slowed:
        speed = KBITS * 1000 / 8
        line.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": LATENCY_MS,
            "downloadThroughput": speed, "uploadThroughput": speed,
        })  # fmt: skip
    received = []
    line.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator("h1").wait_for(state="visible")
    while (paint := page.evaluate(FIRST_PAINT)) is None:
        page.wait_for_timeout(10)
    visible = time.perf_counter() - started
    if not slowed:
        page.wait_for_load_state("load")
        page.wait_for_timeout(SETTLE_SECONDS * 1000)
    context.close()
    return int(sum(received)), max(visible, paint), paint
