"""The quote page in a real browser: phone and desktop, light and dark, with script and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app import Mendline
from bridge import limits
from crm.core.events import SYSTEM
from crm.core.money import Line
from crm.quotes import queries, service
from crm.quotes.models import Quote
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import NewQuote
from tests import builders
from tests.browser.conftest import SCREENS

pytestmark = pytest.mark.browser

DEVICE = "Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB"
NOTE = "The glass is cracked and the frame bent.\nhttps://example.test/" + "x" * 90


def line(label: str, minor: int, tax: str = "standard", **fields) -> Line:
    return Line(label, minor, tax, 2000 if tax == "standard" else 500, **fields)


SCREEN, FITTING = line("Original screen with frame and adhesive", 21_900), line("Fitting", 4_500)
GLASS, CASE = line("Protection glass", 1_500, quantity=2), line("Recycled case", 1_050, "reduced")
LESS = line("Discount for waiting", -1_000, kind="discount")
THREE = (
    Option("Original part", (Item(SCREEN), Item(FITTING), Item(GLASS, True), Item(CASE, True))),
    Option("Compatible part", (Item(line("Compatible screen", 12_900)), Item(FITTING)), "Dimmer."),
    Option("Glass only", (Item(line("Glass", 9_900)), Item(LESS), Item(GLASS, True))),
)


@pytest.fixture
def quote(mendline: Mendline, site: str) -> Callable[..., str]:
    """Send a quote with these options; returns its address."""
    limits.limiter.reset()

    def make(*options: Option, title: str = "", note: str = "", deposit: int = 0) -> str:
        with mendline.units() as uow:
            repair = builders.repair(uow, device=DEVICE)
            content = Content(options, title, note, deposit)
            made = service.make(uow, NewQuote(repair.id, None, "GBP", content), SYSTEM)
            service.send(uow, made.id, SYSTEM)
            link = mendline.shop.links.quote(made.id, made.created_at)
        return site + urlsplit(link).path

    return make


def decided(mendline: Mendline) -> tuple[int | None, int | None, str]:
    """Option, total and words."""
    with mendline.units() as uow:
        made = queries.decision(uow, uow.session.query(Quote).one().id)
        assert made is not None
        return made.option, made.total_minor, made.words


def offer(page: Page, number: int):
    return page.locator("form.offer").nth(number)


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_it_fits_every_screen_and_everybody(quote, visit, looks_well, width, scheme, locale):
    one = visit(width, scheme, locale)
    one.open(quote(*THREE, title="A new screen", note=NOTE, deposit=4_000))
    tops = [offer(one.page, number).bounding_box()["y"] for number in range(3)]
    assert (len(set(tops)) == 1) is (width == 1280)
    looks_well(one)
    for summary in one.page.locator("details > summary").all():
        summary.click()
    looks_well(one)
    offer(one.page, 0).locator("button[value=approve]").click()
    one.page.wait_for_selector(".decided a.button[href*='/pay/']")
    looks_well(one)


def test_a_tick_shows_its_price_at_once(mendline, quote, visit):
    one = visit(390)
    one.open(quote(*THREE))
    first = offer(one.page, 0)
    assert first.get_by_text("£264.00", exact=True).is_visible()
    expect(first.locator("button[value=total]")).to_be_hidden()
    first.get_by_label("Recycled case").check()
    expect(first.locator(".total .amount")).to_have_text("£274.50")
    expect(first.locator("[role=status]")).to_have_text(re.compile("£274.50"))
    expect(offer(one.page, 2).locator(".total .amount")).to_have_text("£89.00")
    first.get_by_label("Recycled case").uncheck()
    expect(first.locator(".total .amount")).to_have_text("£264.00")
    assert first.get_by_label("Recycled case").evaluate("one => one === document.activeElement")
    first.locator("button[value=approve]").click()
    one.page.wait_for_selector(".decided")
    option, total, words = decided(mendline)
    assert (option, total) == (0, 26_400) and words.endswith("for £264.00.") and one.faults == []


def test_a_quote_that_changes_meanwhile_is_shown_anew(mendline, quote, visit):
    one = visit(1280)
    one.open(quote(THREE[0]))
    with mendline.units() as uow:
        quote_id = uow.session.query(Quote).one().id
        service.change(uow, quote_id, Content((THREE[1], THREE[2])), SYSTEM)
        service.send(uow, quote_id, SYSTEM)
    first = offer(one.page, 0)
    first.get_by_label("Protection glass").check()
    # The script does not mix two versions: it hands back the button that fetches the page.
    first.locator("button[value=total]").wait_for(state="visible")
    first.locator("button[value=approve]").click()
    one.page.wait_for_selector("#problem")
    assert one.page.locator("form.offer").count() == 2
    assert not one.page.get_by_label("Protection glass").is_checked()
    with mendline.units() as uow:
        assert queries.decision(uow, quote_id) is None


def test_it_works_without_script(mendline, quote, browser: Browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(quote(*THREE))
    first = offer(page, 0)
    first.get_by_label("Recycled case").check()
    first.locator("button[value=approve]").click()
    page.wait_for_selector("#problem")  # the total of these ticks had not been shown
    assert offer(page, 0).get_by_text("£274.50", exact=True).is_visible()
    offer(page, 0).get_by_label("Recycled case").uncheck()
    offer(page, 0).locator("button[value=total]").click()
    page.wait_for_selector("text=£264.00")
    offer(page, 0).locator("button[value=approve]").dblclick()
    page.wait_for_selector("text=Approved. Thank you!")
    assert decided(mendline)[:2] == (0, 26_400)
    context.close()


def test_declined_asked_and_closed(mendline, quote, visit, accessibility_faults):
    one = visit(390, "dark")
    url = quote(THREE[1])
    one.open(url)
    one.page.click("#ask summary")
    one.page.fill("#question", "Is it as bright?")
    one.page.click("button[value=ask]")
    one.page.wait_for_selector("text=We have your question")
    assert accessibility_faults(one.page) == []
    one.page.click("summary:text-is('Decline')")
    one.page.fill("#reason", "Too dear")
    one.page.click("button[value=decline]")
    one.page.wait_for_selector("text=You declined this quote.")
    assert decided(mendline) == (None, None, "") and accessibility_faults(one.page) == []
    with mendline.units() as uow:
        uow.session.query(Quote).one().state = "withdrawn"
    one.open(url)
    assert one.page.get_by_text("taken it back").is_visible()
    assert accessibility_faults(one.page) == [] and not one.is_too_wide()
