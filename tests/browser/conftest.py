"""A Chromium, and the pages it looks at: the whole service and the sandbox, on free ports."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

import app as composition
from app import Mendline
from bridge import limits
from bridge.settings import load
from crm.core.events import Actor
from crm.repairs import service as repairs
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairFlag, RepairStatus

AXE = "axe-core@4.14.1"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TILL = Actor("shop", "Till", "key_1")
NOTE = "The new screen is in; we also cleaned the loudspeaker.\nhttps://example.test/" + "x" * 90
SCREENS = [
    (320, "light", "pt-PT"), (390, "dark", "en-GB"), (1280, "light", "en-GB"),
    (1280, "dark", "pt-PT"),
]  # fmt: skip
# As root, and on a machine that reaches nothing outside.
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a free port; yields its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Visit:
    """A page with what went wrong on it and how many bytes it took."""

    page: Page
    faults: list[str] = field(default_factory=list)
    weight: int = 0

    def open(self, url: str) -> None:
        self.page.goto(url, wait_until="load")

    def is_too_wide(self) -> bool:
        # Between two pages there is a document without an element.
        self.page.wait_for_selector("body")
        self.page.wait_for_load_state()
        return self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("this machine has no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Make a visitor: width in CSS pixels, scheme `light` or `dark`, locale of the browser."""
    contexts = []

    def make(width: int = 1280, scheme: str = "light", locale: str = "en-GB") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, locale=locale
        )
        contexts.append(context)
        one = Visit(context.new_page())

        def on_message(message) -> None:
            if message.type in ("error", "warning"):
                one.faults.append(message.text)

        def on_finished(request) -> None:
            sizes = request.sizes()
            one.weight += sizes["responseBodySize"] + sizes["responseHeadersSize"]

        one.page.on("console", on_message)
        one.page.on("pageerror", lambda error: one.faults.append(str(error)))
        one.page.on("requestfinished", on_finished)
        return one

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe_source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker, fetched for the test run only."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run(
            ["npm", "pack", "--silent", AXE],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
    except (FileNotFoundError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core cannot be fetched here: {type(error).__name__}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def accessibility_faults(axe_source: str) -> Callable[[Page], list[str]]:
    def check(page: Page) -> list[str]:
        page.wait_for_load_state()  # before its styles are there, everything is too small
        page.evaluate(axe_source)
        found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", WCAG)[
            "violations"
        ]
        return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]

    return check


@pytest.fixture
def looks_well(accessibility_faults, tmp_path: Path) -> Callable[[Visit], None]:
    """The page fits the screen, complains of nothing and can be used by everybody."""
    shots = itertools.count()

    def check(one: Visit) -> None:
        one.page.screenshot(path=tmp_path / f"{next(shots)}.png", full_page=True)
        assert not one.is_too_wide() and one.faults == []
        assert accessibility_faults(one.page) == []

    return check


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings of a module's own."""
    return {}


@pytest.fixture
def mendline(db: str, tmp_path: Path, environ: dict[str, str]) -> Iterator[Mendline]:
    told = {
        "STATE_DIR": str(tmp_path), "SHOP_NAME": "Harbour Repairs",
        "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    }  # fmt: skip
    parts = composition.compose(load(told | environ), db, None)
    yield parts
    parts.engine.dispose()


@pytest.fixture
def site(mendline: Mendline) -> Iterator[str]:
    with served(composition.edge(mendline)) as url:
        limits.limiter.reset()
        yield url


@pytest.fixture
def tracked(mendline: Mendline, site: str) -> str:
    """The address of a repair with a long device name, a skipped step, a note and two flags."""
    with mendline.units() as uow:
        repair = open_repair(
            uow,
            NewRepair(
                customer_id=None, device="Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB",
                estimated_on=datetime.now(UTC).date() + timedelta(days=3),
            ),
            TILL, by_staff=False,
        )  # fmt: skip
        address = Address(ref=repair.ref)
        for status, note in ((RepairStatus.DIAGNOSING, None), (RepairStatus.REPAIRING, NOTE)):
            repairs.change_status(uow, address, StatusNews(status, by_staff=False, note=note), TILL)
        repairs.set_flags(uow, address, [RepairFlag.ON_HOLD, RepairFlag.AWAITING_APPROVAL], TILL)
        link = mendline.shop.links.track(repair.id, repair.received_at)
    return site + urlsplit(link).path
