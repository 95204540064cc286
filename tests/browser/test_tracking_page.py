"""The customer's pages in a real browser: every width, colour scheme and language."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.repairs.models import Repair

pytestmark = pytest.mark.browser

MOST_BYTES = 60_000


@pytest.mark.parametrize("locale", ["en-GB", "pt-PT"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_tracking_page_fits_every_screen(tracked, visit, width, scheme, locale):
    one = visit(width, scheme, locale)
    one.open(tracked)

    assert one.page.locator("html").get_attribute("lang") == locale[:2]
    heading = {"en-GB": "Being repaired", "pt-PT": "Em reparação"}[locale]
    assert one.page.locator("h1").all_inner_texts() == [heading]
    assert one.page.locator("main").count() == 1
    assert one.page.locator("[aria-current=step]").count() == 1
    assert not one.is_too_wide()
    assert 1_000 < one.weight <= MOST_BYTES
    assert one.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_tracking_page_is_accessible(tracked, visit, accessibility_faults, width, scheme):
    one = visit(width, scheme)
    one.open(tracked)
    assert accessibility_faults(one.page) == []


@pytest.mark.parametrize("path", ["/", "/track/nothing"])
def test_other_pages_fit_and_are_readable(site, visit, accessibility_faults, path):
    one = visit(390, "dark", "pt-BR")
    one.open(site + path)

    assert one.page.locator("html").get_attribute("lang") == "pt"
    assert not one.is_too_wide()
    assert accessibility_faults(one.page) == []
    # The browser itself reports the 404 of a wrong link; there is nothing else to complain of.
    assert [fault for fault in one.faults if "404" not in fault] == []


def test_language_can_be_switched_by_hand(tracked, visit):
    one = visit(390)
    one.open(tracked)
    one.page.get_by_role("link", name="Português").click()
    one.page.wait_for_url("**?lang=pt")

    assert one.page.locator("h1").inner_text() == "Em reparação"
    assert one.page.get_by_role("link", name="Português").get_attribute("aria-current") == "true"


def test_keyboard_reaches_the_content_first(tracked, visit):
    one = visit(390)
    one.open(tracked)
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.className") == "skip"
    one.page.keyboard.press("Enter")
    assert one.page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_a_typed_reference(mendline, tracked, site, visit, accessibility_faults, width, scheme):
    with mendline.units() as uow:
        ref = uow.session.scalars(select(Repair.ref)).first()
    one = visit(width, scheme)
    one.open(f"{site}/track")
    assert accessibility_faults(one.page) == []
    one.page.get_by_label("Reference").fill("RPR-2611-00000")
    one.page.get_by_role("button", name="Show").click()
    assert "We find no repair" in one.page.get_by_role("alert").inner_text()
    assert accessibility_faults(one.page) == []
    one.page.get_by_label("Reference").fill(ref.lower().replace("-", " "))
    one.page.get_by_role("button", name="Show").click()
    assert one.page.locator("h1").inner_text() == "Being repaired"
    assert accessibility_faults(one.page) == []
    assert not one.is_too_wide()
