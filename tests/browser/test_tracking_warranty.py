"""Reporting a problem under warranty on the page of a delivered repair, with and without script."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.browser.conftest import TILL

pytestmark = pytest.mark.browser


@pytest.fixture
def delivered(mendline, tracked) -> str:
    """The address of a repair that was handed over, with work and a part under warranty."""
    with mendline.units() as uow:
        repair = uow.session.scalars(select(Repair)).one()
        repairs.set_flags(uow, Address(ref=repair.ref), [], TILL)
        news = StatusNews(RepairStatus.DELIVERED, by_staff=False)
        repairs.change_status(uow, Address(ref=repair.ref), news, TILL)
    return tracked


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(390, "light", "en-GB"), (320, "dark", "pt-PT")]
)
def test_from_the_page_to_the_thank_you(
    delivered, visit, accessibility_faults, tmp_path, width, scheme, locale
):
    link, question, send, thanks = {
        "en-GB": ("Report a problem under warranty", "What is wrong, and since when?", "Send",
                  "Your message has arrived"),
        "pt-PT": ("Comunicar um problema ao abrigo da garantia", "O que se passa, e desde quando?",
                  "Enviar", "A sua mensagem chegou"),
    }[locale]  # fmt: skip
    one = visit(width, scheme, locale)
    one.open(delivered)
    assert accessibility_faults(one.page) == [] and not one.is_too_wide()
    one.page.screenshot(path=tmp_path / "page.png", full_page=True)

    one.page.get_by_role("link", name=link).click()
    one.page.get_by_label(question).fill("It is dark again")
    assert accessibility_faults(one.page) == [] and not one.is_too_wide()
    one.page.screenshot(path=tmp_path / "form.png", full_page=True)

    one.page.get_by_role("button", name=send).click()
    assert thanks in one.page.locator("#write ~ [role=status]").inner_text()
    assert one.faults == []


def test_without_script(mendline, delivered, browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(delivered)
    page.get_by_role("link", name="Report a problem under warranty").click()
    page.get_by_label("What is wrong, and since when?").fill("It is dark again")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**written=1**")
    context.close()
    with mendline.units() as uow:
        kept = uow.connection.exec_driver_sql(
            "SELECT internal_note FROM repair_history WHERE details ? 'warranty_claim'"
        )
        assert kept.scalars().all() == ["Warranty claim: It is dark again"]
