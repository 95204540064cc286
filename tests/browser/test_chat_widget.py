"""The chat on the pages, with the sandbox's own script and frame: it opens, writes, and knows who
has proven to be a customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from bridge import limits
from chatwoot.integration import LEARNED
from crm.bookings import opening
from crm.catalog import service as catalog
from crm.core import vault
from crm.portal import sessions
from tests import builders, service
from tests.browser.test_booking_pages import newest_code, walk
from tests.service import Service

pytestmark = pytest.mark.browser


@pytest.fixture
def running(db: str) -> Iterator[Service]:
    told = {"SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "shop@example.org"}
    with service.running(db, **told) as one:
        limits.limiter.reset()
        one.subscribe()
        (inbox,) = one.account.account.items("inboxes")
        kept = {name: inbox[name] for name in ("website_token", "hmac_token")}
        with one.units() as uow:
            vault.put(uow, one.parts.seal, LEARNED, kept)
            opening.furnish(uow, "Quay Phones", "Europe/London")
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def asked(running: Service, page: Page) -> list[str]:
    """Every address of Chatwoot that the browser asks for."""
    found: list[str] = []
    chat = urlsplit(running.parts.settings.chatwoot.url).netloc
    page.on("request", lambda r: found.append(r.url) if urlsplit(r.url).netloc == chat else None)
    return found


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_visitor_writes_from_the_front_page(
    running: Service, page: Page, accessibility_faults, name
):
    faults = []
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(f"http://{name}:{running.server.server_port}/")
    page.locator("[data-chat]").first.click()
    # Under another name the frame would be a foreign site's, whose storage browsers may deny.
    source = page.locator("#chatwoot_live_chat_widget").get_attribute("src")
    assert urlsplit(source).hostname == name
    frame = page.frame_locator("#chatwoot_live_chat_widget")
    frame.locator("#text").fill("My screen is broken <b>here</b>")
    frame.locator("button").click()
    expect(frame.locator("li")).to_have_text("My screen is broken <b>here</b>")
    assert faults == []
    assert accessibility_faults(page) == []
    running.settle()
    assert running.column("SELECT body FROM ticket_messages") == ["My screen is broken <b>here</b>"]


def test_a_proven_customer_is_introduced_and_a_link_alone_introduces_nobody(
    running: Service, page: Page, browser: Browser
):
    with running.units() as uow:
        catalog.seed(uow)
    home = f"http://127.0.0.1:{running.server.server_port}"
    walk(page, home, lambda: newest_code(running.parts), lambda name: None)
    script = page.locator("script[data-identifier]")
    ref = running.one("SELECT ref FROM customers")
    expect(script).to_have_attribute("data-identifier", ref)
    page.reload()
    with page.expect_response("**/set_user**") as answer:
        page.click("[data-chat]")
    assert answer.value.status == 200
    frame = page.frame_locator("#chatwoot_live_chat_widget")
    frame.locator("#text").fill("When may I come?")
    frame.locator("button").click()
    expect(frame.locator("li")).to_have_text("When may I come?")
    running.settle()
    assert running.count("customers") == 1

    stranger = browser.new_context(locale="en-GB")
    other = stranger.new_page()
    other.goto(page.url)
    assert other.locator("h1").inner_text() == "Your booking is firm"
    assert other.locator("script[data-identifier]").count() == 0
    stranger.close()


@pytest.mark.parametrize("kind", ["sign-in", "preferences", "unsubscribe", "survey"])
def test_a_page_whose_link_is_a_key_has_no_chat(running: Service, page: Page, asked, kind: str):
    """Chatwoot's script tells it the address of the page."""
    with running.units() as uow:
        customer = builders.customer(uow)
        repair = builders.repair(uow, customer.id)
        links = running.parts.shop.links
        wishes = links.preferences(customer.id, uow.now)
        link = {
            "sign-in": f"/me/sign-in/{sessions.create_link(uow, customer.id)[1]}",
            "preferences": wishes,
            "unsubscribe": f"{wishes}/unsubscribe",
            "survey": links.survey(repair.id, datetime.now(UTC)),
        }[kind]
    page.goto(f"http://127.0.0.1:{running.server.server_port}{urlsplit(link).path}")
    page.wait_for_load_state("networkidle")
    assert page.locator("main form").count() == 1, "not the page that was meant"
    assert page.locator("[data-chat], script[src*='widget']").count() == 0
    assert asked == []


def test_other_pages_ask_nothing_of_the_chat_before_it_is_wanted(
    running: Service, page: Page, asked, accessibility_faults
):
    with running.units() as uow:
        repair = builders.repair(uow)
        link = running.parts.shop.links.track(repair.id, repair.received_at)
    page.goto(f"http://127.0.0.1:{running.server.server_port}{urlsplit(link).path}")
    button = page.locator("[data-chat]")
    expect(button).to_be_visible()
    page.wait_for_load_state("load")
    assert asked == [] and accessibility_faults(page) == []
    # At the end of the page: it covers nothing.
    assert button.evaluate("one => getComputedStyle(one.parentElement).position") == "static"
    button.click()
    page.wait_for_selector("#chatwoot_live_chat_widget")
    expect(page.locator(".woot-widget-holder")).to_be_visible()
    assert any("/packs/js/sdk.js" in url for url in asked)
