"""The upload page in a real browser on a phone's screen: with script, without, for everyone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from app import Mendline
from bridge import limits
from crm.core import clock
from crm.files.links import FileLinks
from tests import builders
from tests.unit.crm.files import samples

pytestmark = pytest.mark.browser


@pytest.fixture
def upload_link(mendline: Mendline, site: str) -> str:
    limits.limiter.reset()
    with mendline.units() as uow:
        repair_id = builders.repair(uow, device="Galaxy Tab S9 Ultra (SM-X916B), 512 GB").id
    links = FileLinks(site, (mendline.settings.secret_key,))
    return site + urlsplit(links.upload(repair_id, "a", clock.now())).path


@pytest.fixture
def phone_files(tmp_path: Path) -> Callable[[str, bytes], str]:
    def make(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return make


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "pt-PT"])
def test_it_fits_a_phone_and_everybody(
    upload_link, visit, phone_files, accessibility_faults, scheme, locale
):
    one = visit(320, scheme, locale)
    one.open(upload_link)
    assert not one.is_too_wide() and one.faults == []
    assert accessibility_faults(one.page) == []
    one.page.set_input_files("#chosen", phone_files("a.jpg", samples.SVG))
    one.page.click("#upload-form button")
    one.page.wait_for_selector("#problems")
    assert not one.is_too_wide() and accessibility_faults(one.page) == []


def test_a_refused_choice_can_be_mended_without_loss(upload_link, visit, phone_files):
    one = visit(390)
    one.open(upload_link)
    one.page.set_input_files("#camera", phone_files("photo.jpg", samples.photo(800, 600)))
    one.page.set_input_files("#chosen", phone_files("page.jpg", samples.HTML))
    one.page.click("#upload-form button")
    one.page.wait_for_selector("#problems")
    assert "page.jpg" in one.page.inner_text("#problems")
    assert one.page.evaluate("document.activeElement.id") == "problems"
    assert one.page.evaluate("document.getElementById('camera').files.length") == 1
    one.page.set_input_files("#chosen", [])
    one.page.click("#upload-form button")
    one.page.wait_for_url("**received=1**")
    assert "One file has arrived" in one.page.inner_text("main")


def test_a_broken_line_says_so_and_keeps_the_choice(upload_link, visit, phone_files):
    one = visit(390)
    one.open(upload_link)
    one.page.set_input_files("#chosen", phone_files("photo.jpg", samples.photo()))
    one.page.route("**/files/*", lambda route: route.abort())
    one.page.click("#upload-form button")
    one.page.wait_for_function(
        "document.getElementById('progress').innerText.includes('connection was lost')"
    )
    one.page.unroute("**/files/*")
    one.page.click("#upload-form button")
    one.page.wait_for_url("**received=1**")


def test_it_works_without_script(upload_link, browser: Browser, phone_files):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(upload_link)
    page.set_input_files("#chosen", phone_files("photo.jpg", samples.photo()))
    page.click("#upload-form button")
    page.wait_for_url("**received=1**")
    context.close()
