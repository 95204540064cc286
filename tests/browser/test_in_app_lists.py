"""The staff's notices and the customers' portal in a real browser: phone and desktop, light and dark."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from app import Mendline
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.rules import email_key
from crm.customers.service import Person
from crm.notices import service as notices
from crm.notifications import service as notifications
from crm.portal import sessions as portal
from crm.staff import service as staff
from crm.staff import sessions
from tests import builders

pytestmark = pytest.mark.browser

SCREENS = [(320, "light", "pt-PT"), (1280, "dark", "en-GB")]
DEVICE = "Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB"
WORDS = "Your device is here.\n\nFollow it: https://repairs.example/track/" + "x" * 90


@pytest.fixture
def environ() -> dict[str, str]:
    return {
        "MAIL_FROM": "desk@quay.example",
        "SMTP_URL": "smtp://127.0.0.1:9",
        "HOLD_SECONDS": "0",
    }


def note(mendline: Mendline, key: str, kind: str = "survey.rated_low", **about: object) -> None:
    with mendline.units() as uow:
        repair = builders.repair(uow, device=DEVICE)
        values = {"repair": repair.ref, "device": DEVICE, "rating": 1, "ref": "QUO-2611-7K3QD",
                  "amount_minor": 12900, "currency": "EUR", **about}  # fmt: skip
        notices.post(uow, key, kind, "desk", values, repair_id=repair.id)


def invite(mendline: Mendline) -> str:
    with mendline.units() as uow:
        person = staff.create_staff(uow, SYSTEM, email="a@b.example", name="Rosa", role="admin")
        return f"/admin/sign-in/{sessions.create_link(uow, SYSTEM, person)}"


def customer(mendline: Mendline) -> int:
    with mendline.units() as uow:
        key = email_key("ilse@example.org", proven=True)
        person = Person("Ilse Brandt", keys=(key,), email="ilse@example.org")
        return customers.recognise(uow, person, SYSTEM).id


def tell(mendline: Mendline, customer_id: int, key: str, body: str = WORDS) -> None:
    with mendline.units() as uow:
        notifications.compose(
            uow, key, "repair_received", body, locale="en", customer_id=customer_id,
            repair_id=builders.repair(uow, customer_id, device=DEVICE).id, hold=timedelta(),
            actor=SYSTEM,
        )  # fmt: skip


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_staff_see_what_is_new(mendline, site, visit, looks_well, width, scheme, locale):
    one = visit(width, scheme, locale)
    one.open(site + invite(mendline))
    one.page.locator("main button").click()
    one.open(f"{site}/admin/notices")
    looks_well(one)
    count = one.page.locator(".bell .count")
    expect(count).to_have_text("0")

    note(mendline, "1")
    expect(count).to_have_text("1")
    expect(one.page.locator("#fresh")).to_be_visible()
    note(mendline, "2", "quote.approved")
    expect(count).to_have_text("2")
    one.page.locator("#fresh a").click()
    assert one.page.locator(".notices .unread").count() == 2
    looks_well(one)
    one.page.locator(".notices form button").first.click()
    expect(count).to_have_text("1")
    assert one.page.locator(".notices li").count() == 2
    one.page.locator(".heading form button").click()
    expect(count).to_have_text("0")
    looks_well(one)
    one.page.locator("form.news button").click()
    expect(count).to_have_text("1")
    one.open(f"{site}/admin/repairs")
    expect(count).to_have_text("1")
    note(mendline, "3")
    expect(count).to_have_text("2")


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_customers_see_their_repairs_and_messages(
    mendline, site, visit, looks_well, width, scheme, locale
):
    ilse = customer(mendline)
    one = visit(width, scheme, locale)
    one.open(f"{site}/me")
    looks_well(one)
    one.page.locator("#email").fill("ilse@example.org")
    one.page.locator("main form button").click()
    expect(one.page.locator("[role=status]")).to_be_visible()
    looks_well(one)
    with mendline.units() as uow:
        _id, token = portal.create_link(uow, ilse)
    one.open(f"{site}/me/sign-in/{token}")
    looks_well(one)
    one.page.locator("main button").click()
    one.page.wait_for_url("**/me*")
    count = one.page.locator(".bell .count")
    expect(count).to_have_text("0")

    tell(mendline, ilse, "1")
    expect(count).not_to_have_text("0")
    told = int(count.inner_text())
    expect(one.page.locator("#fresh")).to_be_visible()
    looks_well(one)
    one.page.locator("#fresh a").click()
    expect(one.page.locator(".messages .unread")).to_have_count(told)
    looks_well(one)
    # Looked at for a moment, they count as seen.
    one.page.locator(".messages li").last.scroll_into_view_if_needed()
    expect(count).to_have_text("0")


def test_without_script_there_are_buttons(mendline, site, browser: Browser):
    ilse = customer(mendline)
    tell(mendline, ilse, "1")
    with mendline.units() as uow:
        _id, token = portal.create_link(uow, ilse)
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site}/me/sign-in/{token}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".messages .unread")
    page.get_by_role("button", name="Mark all as read").click()
    assert page.locator(".messages .unread").count() == 0
    assert page.locator(".bell .count").inner_text() == "0"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("#email")
    context.close()
