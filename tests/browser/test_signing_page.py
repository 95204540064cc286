"""The signing page in a real browser on a phone's screen, and the page of a job at the desk."""

from __future__ import annotations

import io
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page
from sqlalchemy import text

from app import Mendline
from bridge import limits
from crm.agreements import service as agreements
from crm.agreements.models import Agreement, Purpose
from crm.core import clock
from crm.core.events import SYSTEM
from crm.staff import service as staff
from crm.staff import sessions
from tests import builders
from tests.browser.conftest import SCREENS

pytestmark = pytest.mark.browser

DEVICE = "Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB"


@pytest.fixture
def repair(mendline: Mendline) -> tuple[int, str]:
    """Its id and reference."""
    with mendline.units() as uow:
        made = builders.repair(uow, device=DEVICE, problem="x" * 200)
        return made.id, made.ref


@pytest.fixture
def sign_link(mendline: Mendline, site: str, repair: tuple[int, str]) -> str:
    limits.limiter.reset()
    with mendline.units() as uow:
        made = agreements.request(uow, repair[0], Purpose.DROP_OFF, SYSTEM, send=False)
        url = mendline.shop.links.sign(made.id, clock.now() + timedelta(hours=1))
    return site + urlsplit(url).path


def draw(page: Page) -> None:
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + 20 + 30 * step, box["y"] + 20 + 12 * (step % 3))
    page.mouse.up()


def kept(mendline: Mendline) -> Agreement:
    with mendline.units() as uow:
        return uow.session.query(Agreement).one()


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS[:3])
def test_it_fits_every_screen_and_everybody(
    mendline, sign_link, visit, looks_well, width, scheme, locale
):
    one = visit(width, scheme, locale)
    one.open(sign_link)
    looks_well(one)
    one.page.fill("#name", "Ilse Brandt")
    draw(one.page)
    one.page.check("#consent")
    one.page.click("#sign-form > p > button")
    one.page.wait_for_selector("svg.signature path")
    looks_well(one)


def test_a_drawing_is_kept_and_can_be_begun_again(mendline, sign_link, visit):
    one = visit(390)
    one.open(sign_link)
    draw(one.page)
    one.page.click("#drawing button")
    assert one.page.input_value("input[name=drawing]") == ""
    draw(one.page)
    one.page.fill("#name", "Ilse Brandt")
    one.page.click("#sign-form > p > button")  # the browser asks for the tick first
    assert kept(mendline).signed_at is None
    one.page.check("#consent")
    one.page.click("#sign-form > p > button")
    one.page.wait_for_selector("svg.signature")
    (line,) = kept(mendline).strokes
    assert len(line) == 6 and one.page.locator("svg.signature path").count() == 1


def test_a_finger_draws_without_moving_the_page(mendline, sign_link, browser: Browser):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    page = context.new_page()
    page.goto(sign_link)
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    before = page.evaluate("scrollY")
    wire = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        spots = [{"x": x, "y": y} for x, y in points]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    touch("touchStart", (box["x"] + 30, box["y"] + 60))
    for step in range(1, 5):
        touch("touchMove", (box["x"] + 30 + 20 * step, box["y"] + 60 - 8 * step))
    touch("touchEnd")
    page.wait_for_function("document.querySelector('input[name=drawing]').value.length > 20")
    assert page.evaluate("scrollY") == before
    context.close()


def test_it_works_without_script(mendline, sign_link, browser: Browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(sign_link)
    assert not page.locator("canvas").is_visible()
    page.fill("#name", "Ilse Brandt")
    page.check("#consent")
    page.click("#sign-form > p > button")
    page.wait_for_selector("text=Signed. Thank you!")
    signed = kept(mendline)
    assert signed.signer_name == "Ilse Brandt" and signed.strokes is None
    context.close()


def test_a_changed_text_keeps_what_was_typed(mendline, sign_link, visit, accessibility_faults):
    one = visit(390, "dark")
    one.open(sign_link)
    one.page.fill("#name", "Ilse Brandt")
    one.page.check("#consent")
    one.page.evaluate("document.querySelector('[name=digest]').value = 'old'")
    one.page.click("#sign-form > p > button")
    one.page.wait_for_selector("#problem")
    assert one.page.input_value("#name") == "Ilse Brandt"
    assert accessibility_faults(one.page) == []


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_page_of_a_job_fits_the_bench(
    mendline, site, repair, sign_link, visit, accessibility_faults, width, scheme
):
    with mendline.units() as uow:
        person = staff.create_staff(uow, SYSTEM, email="a@b.example", name="Rosa", role="manager")
        session = sessions.sign_in(uow, sessions.create_link(uow, SYSTEM, person))
        uow.session.execute(text("UPDATE agreements SET sent_at = now()"))
        job = urlsplit(mendline.shop.links.job(repair[0])).path
    one = visit(width, scheme)
    one.page.context.add_cookies([{"name": "mendline", "value": session, "url": site}])
    one.open(site + job)
    assert one.page.locator("h1").inner_text() == repair[1]
    one.page.fill("#place", "Shelf A3")
    one.page.click("text=Put it there")
    one.page.wait_for_selector("dd:text('Shelf A3')")
    one.page.click("text=Ask for a signature")
    code = one.page.wait_for_selector("img[alt^='QR code']")
    (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(code.screenshot())))
    assert "/sign/" in read.text
    assert not one.is_too_wide() and one.faults == []
    assert accessibility_faults(one.page) == []
    one.open(site + "/admin/repairs?q=shelf")
    assert one.page.locator("td a").all_inner_texts() == [repair[1]]
    assert not one.is_too_wide() and accessibility_faults(one.page) == []
