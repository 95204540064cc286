"""The page of wishes in a real browser: phone and desktop, light and dark, with script and without."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

import app as composition
from app import Mendline
from bridge import limits
from bridge.settings import load
from crm.core.clock import now
from crm.notifications import preferences
from tests import builders

pytestmark = pytest.mark.browser


@pytest.fixture
def mendline(db: str, tmp_path: Path):
    """A shop that writes by e-mail and text message."""
    environ = {
        "STATE_DIR": str(tmp_path), "SHOP_NAME": "Harbour Repairs",
        "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
        "SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "Harbour <desk@harbour.example>",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t0ken-of-a-shop-0123456789abcdef",
        "TWILIO_FROM": "+447700900001", "TWILIO_WHATSAPP_FROM": "+447700900002",
    }  # fmt: skip
    parts = composition.compose(load(environ), db, None)
    yield parts
    parts.engine.dispose()


@pytest.fixture
def page_address(mendline: Mendline, site: str) -> str:
    limits.limiter.reset()
    with mendline.units() as uow:
        link = mendline.shop.links.preferences(builders.customer(uow).id, now())
    return site + urlsplit(link).path


def _kept(mendline: Mendline):
    with mendline.units() as uow:
        return preferences.wishes_of(uow, 1)


@pytest.mark.parametrize(
    ("width", "scheme", "locale"),
    [(320, "light", "pt-PT"), (390, "dark", "en-GB"), (1280, "light", "en-GB"),
     (1280, "dark", "pt-PT")],
)  # fmt: skip
def test_it_fits_every_screen_and_everybody(
    mendline, page_address, visit, accessibility_faults, tmp_path, width, scheme, locale
):
    one = visit(width, scheme, locale)
    shots = iter(range(9))

    def looks_well() -> None:
        one.page.screenshot(path=tmp_path / f"{next(shots)}.png", full_page=True)
        assert not one.is_too_wide() and one.faults == []
        assert accessibility_faults(one.page) == []

    one.open(page_address)
    rows = one.page.locator(".choice")
    assert rows.count() == 4 + 5 + 4 + 2
    assert all(rows.nth(n).bounding_box()["height"] >= 44 for n in range(rows.count()))
    looks_well()
    one.page.locator("input[name=blocked][value=sms]").check()
    one.page.locator("input[name=channel][value=sms]").check()
    one.page.locator(".wishes button").click()
    one.page.wait_for_selector("[role=alert]")
    # The answer is a 422, which Chromium notes by itself.
    assert all("422" in fault for fault in one.faults)
    one.faults.clear()
    assert one.page.locator("input[name=blocked][value=sms]").is_checked()
    looks_well()
    one.page.locator("input[name=channel][value=mail]").check()
    one.page.locator("input[name=frequency][value=essential]").check()
    one.page.locator("input[name=from]").fill("09:00")
    one.page.locator("input[name=to]").fill("18:30")
    one.page.locator("input[name=marketing][value=no]").check()
    one.page.locator(".wishes button").click()
    one.page.wait_for_selector("[role=status]")
    looks_well()
    kept = _kept(mendline)
    assert (kept.channels, kept.frequency, kept.marketing) == (("mail",), "essential", False)
    assert (str(kept.hours.start), str(kept.hours.end)) == ("09:00:00", "18:30:00")


def test_it_works_without_script_and_by_keyboard(mendline, page_address, browser: Browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(page_address)
    page.get_by_role("radio", name="Everything").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("checkbox", name="Text message").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Saved.")
    kept = _kept(mendline)
    assert (kept.frequency, kept.blocked, kept.marketing) == ("milestones", ("sms",), None)
    context.close()
