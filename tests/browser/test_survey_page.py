"""The survey page in a real browser: phone and desktop, light and dark, with script and without."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from app import Mendline
from bridge import limits
from crm.followups.models import Survey
from tests import builders
from tests.browser.conftest import SCREENS

pytestmark = pytest.mark.browser

DEVICE = "Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB"
WORDS = "Quick, and they explained it all.\nhttps://example.test/" + "x" * 90


@pytest.fixture
def survey(mendline: Mendline, site: str) -> str:
    """Its address."""
    limits.limiter.reset()
    with mendline.units() as uow:
        repair = builders.repair(uow, device=DEVICE)
        link = mendline.shop.links.survey(repair.id, datetime.now(UTC))
    return site + urlsplit(link).path


def answered(mendline: Mendline) -> tuple[int, str | None]:
    with mendline.units() as uow:
        one = uow.session.query(Survey).one()
        return one.rating, one.comment


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_it_fits_every_screen_and_everybody(
    mendline, survey, visit, looks_well, width, scheme, locale
):
    one = visit(width, scheme, locale)
    one.open(survey)
    boxes = [one.page.locator(".mark").nth(number).bounding_box() for number in range(5)]
    assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes)
    assert (len({box["y"] for box in boxes}) == 1) is (width == 1280)
    looks_well(one)
    one.page.locator(".mark").nth(1).click()
    one.page.wait_for_selector("textarea")
    looks_well(one)
    one.page.locator("textarea").fill(WORDS)
    one.page.locator(".more button").click()
    one.page.wait_for_selector(".flag")
    looks_well(one)
    assert answered(mendline) == (2, WORDS)
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("UPDATE surveys SET at = at - interval '2 days'")
    one.open(survey)
    assert one.page.locator(".mark").count() == 0 and one.page.locator(".said").is_visible()
    looks_well(one)


def test_a_mark_from_the_mail_is_offered_first_and_sent_by_a_tap(
    mendline, survey, visit, looks_well
):
    one = visit(390, "light", "en-GB")
    for odd in ("0", "6", "<script>", "4.0", "\u0664", "x" * 2000):
        one.open(f"{survey}?mark={odd}")
        assert one.page.locator(".survey fieldset > p button").count() == 0
    one.open(f"{survey}?mark=4")
    looks_well(one)
    with mendline.units() as uow:
        assert uow.session.query(Survey).count() == 0
    one.page.get_by_role("button", name="Send 4 of 5: happy").click()
    one.page.wait_for_selector("text=You gave 4 of 5")
    assert answered(mendline) == (4, None)
    one.open(f"{survey}?mark=1")
    assert one.page.locator(".survey fieldset > p button").count() == 0


def test_it_works_without_script_and_by_keyboard(mendline, survey, browser: Browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(survey)
    page.locator(".mark").nth(3).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("textarea")
    assert page.get_by_role("button", name="4 Happy").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="5 Very happy").dblclick()
    page.wait_for_selector("text=You gave 5 of 5")
    assert answered(mendline) == (5, None)
    context.close()
