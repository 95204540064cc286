"""The page of all messages, and the e-mails themselves: phone and desktop, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from app import Mendline
from bridge import limits
from crm.core.events import SYSTEM
from crm.staff import service, sessions

pytestmark = pytest.mark.browser

SEEN = ("repair_ready_pickup", "verification_code", "quote_which", "weekly_report")


@pytest.fixture
def sign_in(mendline: Mendline, site: str) -> str:
    limits.limiter.reset()
    with mendline.units() as uow:
        person = service.create_staff(uow, SYSTEM, email="a@shop.example", name="A", role="admin")
        return f"{site}/admin/sign-in/{sessions.create_link(uow, SYSTEM, person)}"


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(320, "dark", "pt"), (1280, "light", "en")]
)
def test_it_fits_every_screen_and_everybody(
    site, sign_in, visit, looks_well, width, scheme, locale
):
    one = visit(width, scheme)
    one.open(sign_in)
    one.page.click("button")
    one.page.get_by_role("link", name="Messages").click()
    one.page.select_option("#locale", locale)
    one.page.select_option("#scheme", "dark")
    one.page.get_by_role("button", name="Show").click()
    mail = one.page.locator("iframe").first
    mail.scroll_into_view_if_needed()
    inside = mail.content_frame
    inside.locator("h1").wait_for()
    assert (
        inside.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        == "rgb(0, 0, 0)"
    )
    looks_well(one)


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (700, "light")])
def test_mails_can_be_read_by_everybody(
    site, sign_in, visit, browser: Browser, accessibility_faults, width, scheme
):
    staff = visit()
    staff.open(sign_in)
    staff.page.click("button")
    staff.page.wait_for_url(site + "/admin")
    reader = visit(width, scheme)
    for name in SEEN:
        mail = staff.page.request.get(
            f"{site}/admin/messages/{name}/mail?locale=pt&scheme={scheme}"
        )
        reader.page.set_content(mail.text())
        assert not reader.is_too_wide(), name
        assert accessibility_faults(reader.page) == [], name
        small = reader.page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.innerText &&"
            " parseFloat(getComputedStyle(e).fontSize) < 16).length"
        )
        assert small == 0, name
