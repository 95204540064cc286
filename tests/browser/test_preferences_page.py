"""The page of wishes in a real browser: phone and desktop, light and dark, with script and without."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from app import Mendline
from bridge import limits
from crm.core.clock import now
from crm.notifications import preferences
from tests import builders
from tests.browser.conftest import SCREENS

pytestmark = pytest.mark.browser


@pytest.fixture
def environ() -> dict[str, str]:
    """A shop that writes by e-mail and text message."""
    return {
        "SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "Harbour <desk@harbour.example>",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t0ken-of-a-shop-0123456789abcdef",
        "TWILIO_FROM": "+447700900001", "TWILIO_WHATSAPP_FROM": "+447700900002",
    }  # fmt: skip


@pytest.fixture
def page_address(mendline: Mendline, site: str) -> str:
    limits.limiter.reset()
    with mendline.units() as uow:
        link = mendline.shop.links.preferences(builders.customer(uow).id, now())
    return site + urlsplit(link).path


def _kept(mendline: Mendline):
    with mendline.units() as uow:
        return preferences.wishes_of(uow, 1)


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_it_fits_every_screen_and_everybody(
    mendline, page_address, visit, looks_well, width, scheme, locale
):
    one = visit(width, scheme, locale)
    one.open(page_address)
    rows = one.page.locator(".choice, .way label")
    assert rows.count() == 4 + 4 * 3 + 2
    assert all(rows.nth(n).bounding_box()["height"] >= 44 for n in range(rows.count()))
    looks_well(one)
    one.page.locator("input[name=way_sms][value=never]").check()
    one.page.locator("input[name=from]").fill("09:00")
    one.page.locator(".wishes button").click()
    one.page.wait_for_selector("[role=alert]")
    # The answer is a 422, which Chromium notes by itself.
    assert all("422" in fault for fault in one.faults)
    one.faults.clear()
    assert one.page.locator("input[name=way_sms][value=never]").is_checked()
    looks_well(one)
    one.page.locator("input[name=way_mail][value=first]").check()
    one.page.locator("input[name=frequency][value=essential]").check()
    one.page.locator("input[name=from]").fill("09:00")
    one.page.locator("input[name=to]").fill("18:30")
    one.page.locator("input[name=marketing][value=no]").check()
    one.page.locator(".wishes button").click()
    one.page.wait_for_selector("[role=status]")
    looks_well(one)
    kept = _kept(mendline)
    assert (kept.channels, kept.frequency, kept.marketing) == (("mail",), "essential", False)
    assert kept.blocked == ("sms",)
    assert (str(kept.hours.start), str(kept.hours.end)) == ("09:00:00", "18:30:00")


def test_it_works_without_script_and_by_keyboard(mendline, page_address, browser: Browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(page_address)
    page.get_by_role("radio", name="Everything").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("group", name="Text message").get_by_role("radio", name="Never").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Saved.")
    kept = _kept(mendline)
    assert (kept.frequency, kept.blocked, kept.marketing) == ("milestones", ("sms",), None)
    context.close()


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_the_page_that_unsubscribes(
    mendline, page_address, visit, looks_well, width, scheme, locale
):
    one = visit(width, scheme, locale)
    one.open(f"{page_address}/unsubscribe")
    looks_well(one)
    assert _kept(mendline).marketing is None
    one.page.locator("main button").click()
    one.page.wait_for_selector("[role=status]")
    looks_well(one)
    assert _kept(mendline).marketing is False
