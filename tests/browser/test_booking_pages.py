"""Booking in a real browser on a phone: from the shop window to a firm booking, for everyone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import text

import app as composition
from app import Mendline
from bridge import limits
from crm.bookings import opening
from crm.catalog import service as catalog
from crm.locations import queries as locations
from tests.browser.conftest import Visit, served

pytestmark = pytest.mark.browser

# Where to leave pictures of every step, for a look at them.
PICTURES = os.environ.get("BOOKING_PICTURES")


@pytest.fixture
def environ() -> dict[str, str]:
    """A mail server that codes would be given to."""
    return {"SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "shop@example.org"}


@pytest.fixture
def mendline(mendline: Mendline) -> Mendline:
    """With a catalogue and a first location."""
    with mendline.units() as uow:
        catalog.seed(uow)
        opening.furnish(uow, "Harbour Repairs", "Europe/London")
    return mendline


@pytest.fixture
def shop(mendline: Mendline) -> Iterator[str]:
    with served(composition.edge(mendline)) as url:
        limits.limiter.reset()
        yield url


def newest_code(parts: Mendline) -> str:
    """As the channel that sends it would open it."""
    with parts.units() as uow:
        sealed = uow.session.scalar(
            text(
                "SELECT sealed_body FROM notifications WHERE template = 'verification_code' "
                "ORDER BY id DESC LIMIT 1"
            )
        )
    return parts.seal.open(bytes(sealed))["text"][:6]


@pytest.fixture
def code(mendline: Mendline) -> Callable[[], str]:
    return lambda: newest_code(mendline)


def walk(page: Page, shop: str, code: Callable[[], str], at: Callable[[str], None]) -> None:
    """The whole way. at: called with the name of each step while it is shown."""
    page.set_default_timeout(15_000)
    page.goto(shop + "/")
    at("front")
    page.click("main .hero a.button")
    at("device")
    page.fill("#model", "iphone 13")
    page.press("#model", "Enter")
    page.wait_for_selector("#models button")
    at("models")
    page.click("#models button[value=apple-iphone-13]")
    page.wait_for_selector("[name=repair_types]")
    at("repairs")
    page.check("[value=screen]")
    page.click("form button:not([name]):not(.quiet)")
    page.wait_for_selector("#condition")
    page.check("[value=poor]")
    page.click("[value=stay]")
    page.wait_for_selector(".devices details")
    page.click(".devices summary")
    at("condition")
    page.click("#condition button:not([name])")
    page.wait_for_selector("button.first")
    at("time")
    page.click("button.first")
    page.fill("#name", "Ilse Brandt")
    page.fill("#email", "ilse@example.org")
    at("contact")
    page.click("form:has(#name) button")
    page.wait_for_selector("#code")
    at("code")
    page.fill("#code", code())
    page.click("form:has(#code) button")
    page.wait_for_selector("ol")
    at("done")


@pytest.mark.parametrize("locale", ["en-GB", "pt-PT"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark"), (320, "dark")])
def test_a_guest_books(shop, mendline, visit, code, accessibility_faults, locale, width, scheme):
    one: Visit = visit(width, scheme, locale)
    seen = []

    def look(name: str) -> None:
        seen.append(name)
        one.page.wait_for_load_state()
        if PICTURES:
            path = f"{PICTURES}/{len(seen):02}-{name}-{width}-{scheme}-{locale[:2]}.png"
            one.page.screenshot(path=path, full_page=True)
        assert one.page.locator("html").get_attribute("lang") == locale[:2]
        assert one.page.locator("h1").count() == 1
        assert not one.is_too_wide(), name
        assert accessibility_faults(one.page) == [], name

    walk(one.page, shop, code, look)
    assert len(seen) == 9 and one.faults == []
    with mendline.units() as uow:
        rows = uow.session.execute(text("SELECT status, minutes FROM bookings")).all()
    assert [tuple(row) for row in rows] == [("confirmed", 60)]


def test_it_works_without_script(shop, browser: Browser, code):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    walk(context.new_page(), shop, code, lambda name: None)
    context.close()


def test_back_forward_and_reload_lose_nothing(shop, visit):
    page = visit(390).page
    page.set_default_timeout(15_000)
    page.goto(f"{shop}/book?q=iphone+13")
    page.click("#models button[value=apple-iphone-13]")
    page.check("[value=battery]")
    page.fill("[name=problem]", "swollen")
    page.click("form button:not([name]):not(.quiet)")
    page.wait_for_selector("#condition")
    page.go_back()
    assert page.is_checked("[value=battery]")
    assert page.input_value("[name=problem]") == "swollen"
    page.reload()
    assert page.is_checked("[value=battery]")
    page.go_forward()
    page.wait_for_selector("#condition")


def test_models_are_suggested_while_typing_and_what_is_wrong_gets_the_focus(shop, visit):
    page = visit(390).page
    page.set_default_timeout(15_000)
    page.goto(f"{shop}/book")
    page.locator("#model").press_sequentially("galaxy s21")
    page.wait_for_selector("#models button")
    assert "Galaxy S21" in page.locator("#models button").first.inner_text()
    page.locator("#model").fill("zzzzqqqq")
    page.locator("#found:not(.unseen)").wait_for()
    page.goto(f"{shop}/book?category=iphone-13")
    page.click("details:has(#device_name) summary")
    page.fill("#device_name", " ")
    page.click("form:has(#device_name) button")
    page.wait_for_selector("#problem")
    assert page.evaluate("document.activeElement.id") == "problem"
    page.click("#problem a")
    assert page.url.endswith("#device_name")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("path", ["/services", "/services/iphone-13", "/services/data-recovery"])
def test_services_fit_and_are_readable(shop, visit, accessibility_faults, path, width, scheme):
    one = visit(width, scheme, "pt-PT")
    one.open(shop + path)
    if PICTURES:
        name = path.strip("/").replace("/", "-")
        one.page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)
    assert not one.is_too_wide() and one.faults == []
    assert accessibility_faults(one.page) == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_way_a_move_and_a_cancel_are_readable(
    shop, mendline, visit, code, accessibility_faults, width, scheme
):
    with mendline.units() as uow:
        (place,) = locations.active(uow)
        place.ways = {"shop": 0, "post": 900, "on_site": 2500}
        place.services = [
            {"slug": "clean", "name": "Deep clean", "price_minor": 1500, "minutes": 15}
        ]
    one = visit(width, scheme)
    page = one.page
    page.set_default_timeout(15_000)

    def look(name: str, address: str) -> None:
        page.wait_for_url(address)
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/more-{name}-{width}.png", full_page=True)
        assert not one.is_too_wide(), name
        assert accessibility_faults(page) == [], name

    page.goto(f"{shop}/book?q=iphone+13")
    page.click("#models button[value=apple-iphone-13]")
    page.click("form button:not([name]):not(.quiet)")
    page.click("#condition button:not([name])")
    page.check("[value=post]")
    page.check("[value=clean]")
    page.click("form:has(#way) button:not(.quiet)")
    page.wait_for_selector("#problem")
    look("place", "**/place")
    assert page.is_checked("[value=clean]") and page.is_checked("[value=post]")
    for name, words in (("street", "Quay 1"), ("postal_code", "HU1"), ("city", "Hull")):
        page.fill(f"#{name}", words)
    page.fill("#country", "gb")
    page.click("form:has(#way) button:not(.quiet)")
    page.click("button.first")
    page.fill("#name", "‮Ilse <b>")
    page.fill("#email", "ilse@example.org")
    page.click("form:has(#name) button")
    page.fill("#code", code())
    page.click("form:has(#code) button")
    page.click("a[href*='/move']")
    look("move", "**/move")
    # Another day: late on a Saturday today has few times left.
    later = page.locator("details.day").nth(1)
    later.locator("summary").click()
    later.locator("button.time").nth(3).click()
    page.click("a[href*='/cancel']")
    look("cancel", "**/cancel")
    page.click("button.danger")
    look("cancelled", "**/book/*")
    assert [fault for fault in one.faults if "422" not in fault] == []
