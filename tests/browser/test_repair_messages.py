"""The messages on the page of a job, in a real browser: read, taken back, sent again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page

from app import Mendline
from crm.core import outbox
from crm.core.events import SYSTEM
from crm.core.uow import UnitOfWork
from crm.notifications.models import Notification, NotificationState
from crm.repairs.models import Repair
from crm.staff import service as staff
from crm.staff import sessions
from tests import builders
from tests.browser.test_staff_pages import english

pytestmark = pytest.mark.browser

SCREENS = [(390, "light", "pt-PT"), (390, "dark", "en-GB"), (1280, "light", "en-GB"),
           (1280, "dark", "pt-PT")]  # fmt: skip
LONG = "permanent: Twilio could not deliver it, error 30003, " + "x" * 120
UNDECIDED = (NotificationState.NO_CHANNEL, NotificationState.SKIPPED)
_STATES = (*NotificationState, NotificationState.QUEUED)


def _row(uow: UnitOfWork, repair: Repair, number: int, state: NotificationState) -> None:
    is_held = number == len(_STATES) - 1
    leaves = uow.now + timedelta(minutes=2 if is_held else -2)
    row = Notification(
        event_key=f"repair:{repair.id}:entry:{number}", template="repair_ready_pickup", locale="en",
        repair_id=repair.id, body="Your iPad is ready.\nhttps://quay.example/" + "y" * 200,
        channel=None if state in UNDECIDED else ("chatwoot", "mail", "sms")[number % 3],
        address="+447700900123" if number % 3 == 2 else None, state=state,
        refusals={"whatsapp": LONG, "mail": "no proven address"} if state == "failed" else {},
        reason=LONG if state == "failed" else "proven phone", segments=2 if number % 3 == 2 else None,
        cost_minor=8 if number % 3 == 2 else None, cost_currency="GBP", not_before=leaves,
        send_at=leaves, created_at=uow.now + timedelta(seconds=number),
    )  # fmt: skip
    uow.session.add(row)
    uow.session.flush()
    if is_held:
        outbox.send(uow, "sms.message", row.effect_key, {"notification_id": row.id},
                    lane="sms:1", hold=timedelta(minutes=2))  # fmt: skip


@pytest.fixture
def opened(mendline: Mendline, site: str, visit):
    """Sign in and open the page of a repair with a message in every state."""
    with mendline.units() as uow:
        repair = builders.repair(uow, device="Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB")
    with mendline.units() as uow:
        uow.session.query(Notification).delete()
        for number, state in enumerate(_STATES):
            _row(uow, repair, number, state)
        person = staff.create_staff(uow, SYSTEM, email="a@b.example", name="Rosa", role="admin")
        link = sessions.create_link(uow, SYSTEM, person)

    def at(width: int, scheme: str, locale: str):
        one = visit(width, scheme, locale)
        one.open(f"{site}/admin/sign-in/{link}")
        one.page.locator("main button").click()
        one.page.wait_for_url(f"{site}/admin")
        one.open(f"{site}/admin/repairs/{repair.ref}#messages")
        return one

    return at


@pytest.mark.parametrize(("width", "scheme", "locale"), SCREENS)
def test_it_can_be_read_by_everybody(opened, looks_well, width: int, scheme: str, locale: str):
    one = opened(width, scheme, locale)
    one.page.locator(".log details").first.locator("summary").click()
    looks_well(one)
    assert one.page.locator(".log > li").count() == len(_STATES)
    if locale.startswith("pt"):
        assert english(one.page) == []


def test_taken_back_and_sent_again_without_script(opened):
    one = opened(390, "light", "en-GB")
    held = _line(one.page, 0)
    assert "can be taken back until then" in held.inner_text()
    held.get_by_role("button", name="Take back").click()
    one.page.wait_for_load_state()
    held = _line(one.page, 0)
    assert "Cancelled" in held.inner_text() and "taken back by Rosa" in held.inner_text()
    held.get_by_role("button", name="Send again").click()
    one.page.wait_for_load_state()
    assert one.page.url.endswith("#messages")
    assert "Waits for a way to the customer" in _line(one.page, 0).inner_text()
    assert _line(one.page, 1).get_by_role("button").count() == 0
    one.page.get_by_role("link", name="Show older").click()
    one.page.get_by_role("link", name="Back to the newest").wait_for()
    assert one.page.locator(".log > li").count() == 1


def _line(page: Page, number: int):
    return page.locator(".log > li").nth(number)
