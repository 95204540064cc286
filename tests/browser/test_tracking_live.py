"""A tracking page that follows by itself, comes back, works offline, installs, and takes words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from app import Mendline
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.browser.conftest import TILL
from tests.service import running

pytestmark = pytest.mark.browser


def report(mendline: Mendline, tracked: str, status: RepairStatus) -> None:
    repair_id = mendline.shop.links.read_track(tracked.rsplit("/", 1)[1], datetime.now(UTC))
    with mendline.units() as uow:
        ref = uow.session.get_one(Repair, repair_id).ref
        news = StatusNews(status, by_staff=False, note="Tested twice")
        repairs.change_status(uow, Address(ref=ref), news, TILL)


KEPT = """caches.open('track-pages').then(cache => cache.match(location.pathname))
          .then(answer => answer ? answer.text() : '')"""


def wait_until_kept(page: Page, words: str) -> None:
    """The service worker holds a copy of this page with that heading; every page lists all steps."""
    for _ in range(100):
        if re.search(rf"<h1[^>]*>\s*{words}", page.evaluate(KEPT)):
            return
        page.wait_for_timeout(100)
    raise AssertionError("nothing was kept")


def wait_until_live(page: Page) -> None:
    page.wait_for_selector("#badge.live", timeout=5000)


def test_the_page_follows_by_itself(mendline, tracked, visit, accessibility_faults):
    one = visit(390)
    one.open(tracked)
    wait_until_live(one.page)
    one.page.locator("#text").fill("half a sent")
    one.page.evaluate("window.scrollTo(0, 300)")

    report(mendline, tracked, RepairStatus.TESTING)

    expect(one.page.locator("h1")).to_have_text("Being tested")
    assert one.page.locator("#news").inner_text() == "There is news: Being tested"
    assert "Being tested" in one.page.title()
    assert one.page.locator("#text").input_value() == "half a sent"
    assert one.page.evaluate("document.activeElement.id") == "text"
    assert one.page.evaluate("window.scrollY") > 0
    assert "Tested twice" in one.page.locator("#part").inner_text()
    assert accessibility_faults(one.page) == []
    assert one.faults == []


def test_it_resumes_after_the_line_was_cut(mendline, tracked, visit):
    one = visit(390)
    one.open(tracked)
    wait_until_live(one.page)
    one.page.context.set_offline(True)
    one.page.wait_for_selector("#badge.offline")
    report(mendline, tracked, RepairStatus.TESTING)
    one.page.wait_for_timeout(300)
    assert one.page.locator("h1").inner_text() == "Being repaired"

    one.page.context.set_offline(False)

    expect(one.page.locator("h1")).to_have_text("Being tested")
    wait_until_live(one.page)


def test_without_a_stream_it_asks_now_and_then(mendline, tracked, visit):
    one = visit(390)
    one.page.route("**/events*", lambda route: route.fulfill(status=503))
    one.page.clock.install()
    one.open(tracked)
    for _ in range(4):
        one.page.clock.run_for(5_000)
        one.page.wait_for_timeout(150)
    one.page.wait_for_selector("#badge.polling")
    report(mendline, tracked, RepairStatus.TESTING)
    one.page.clock.run_for(31_000)
    expect(one.page.locator("h1")).to_have_text("Being tested")


def test_without_scripts_everything_is_there(mendline, browser, tracked):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(tracked)
    assert page.locator("h1").inner_text() == "Being repaired"
    page.get_by_label("Your message about this repair").fill("When can I come?")
    page.get_by_role("button", name="Send").click()
    assert "Thank you! Your message has arrived" in page.locator("main").inner_text()
    report(mendline, tracked, RepairStatus.TESTING)
    page.reload()
    assert page.locator("h1").inner_text() == "Being tested"
    context.close()


def test_offline_it_shows_the_last_known_state(mendline, tracked, visit):
    one = visit(390)
    one.open(tracked)
    wait_until_live(one.page)
    one.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    report(mendline, tracked, RepairStatus.TESTING)
    expect(one.page.locator("h1")).to_have_text("Being tested")
    wait_until_kept(one.page, "Being tested")

    one.page.context.set_offline(True)
    one.page.reload()

    assert one.page.locator("h1").inner_text() == "Being tested"
    badge = one.page.locator("#badge.offline").inner_text()
    assert re.fullmatch(r"Offline: as it stood at \d\d:\d\d", badge)
    assert not one.is_too_wide()
    one.page.goto(tracked + "x")
    assert one.page.locator("h1").inner_text() == "You are offline"


def test_a_link_that_no_longer_opens_is_not_kept(tracked, mendline, visit):
    one = visit(390)
    one.open(tracked)
    one.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    one.page.reload()
    wait_until_kept(one.page, "Being repaired")
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("TRUNCATE repairs CASCADE")
    one.page.reload()
    assert one.page.locator("h1").inner_text() == "This link opens no repair"
    assert one.page.evaluate(KEPT) == ""


def test_it_can_be_installed(tracked, visit):
    one = visit(390)
    one.open(tracked)
    one.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session = one.page.context.new_cdp_session(one.page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    assert urlsplit(found["url"]).path.endswith("/manifest.webmanifest")
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A test's browser forgets everything, which is the one thing in the way.
    assert {error["errorId"] for error in errors} <= {"in-incognito"}


def test_words_arrive_in_the_sandbox_thread(db, visit):
    with running(db) as service:
        service.subscribe()
        number = service.open_thread()
        customer = service.one("SELECT customer_id FROM conversations WHERE number = :n", n=number)
        with service.units() as uow:
            repair = open_repair(
                uow, NewRepair(customer_id=customer, device="Pixel 8"), TILL, by_staff=False
            )
            path = urlsplit(service.parts.shop.links.track(repair.id, repair.received_at)).path
        one = visit(390, "dark")
        one.open(f"http://127.0.0.1:{service.server.server_port}{path}")
        one.page.get_by_label("Your message about this repair").fill("Is the glass in stock?")
        one.page.get_by_role("button", name="Send").click()
        one.page.get_by_text("Thank you! Your message has arrived").wait_for()
        service.settle()
        assert any("Is the glass in stock?" in note for note in service.notes(number))
