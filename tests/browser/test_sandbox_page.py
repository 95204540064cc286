"""The sandbox's page: one person plays the customer and the agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from chatwoot.sandbox import create_sandbox
from tests.browser.conftest import served

pytestmark = pytest.mark.browser


@pytest.fixture
def sandbox(tmp_path) -> Iterator[str]:
    app = create_sandbox(None, public_url="http://127.0.0.1:1", version="4.14.1")
    token = app.test_client().get("/sandbox/api/credentials").json["admin_token"]
    channel = {"type": "web_widget", "website_url": "https://shop.example.test"}
    made = app.test_client().post(
        "/api/v1/accounts/1/inboxes",
        json={"name": "Website", "channel": channel},
        headers={"Api-Access-Token": token},
    )
    assert made.status_code == 200, made.text
    with served(app) as url:
        yield url


@pytest.mark.parametrize("width", [390, 1280])
def test_customer_writes_and_agent_answers_with_a_note(sandbox, visit, width):
    one = visit(width)
    page = one.page
    one.open(sandbox + "/")
    # With nobody there yet the page opens the form for a new customer itself.
    page.get_by_label("Name").fill("Ada Marsh")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_label("Who is writing")).to_contain_text("Ada Marsh")

    page.get_by_label("Message to the shop").fill("Can you mend my screen?")
    page.get_by_label("Message to the shop").press("Enter")
    page.locator("#list button").first.click()
    thread = page.locator("#thread")
    expect(thread).to_contain_text("Can you mend my screen?")

    page.get_by_role("button", name="!help").click()
    expect(page.get_by_label("Private note")).to_be_checked()
    page.get_by_role("button", name="Send").last.click()
    expect(thread.locator("li.note")).to_contain_text("!help")

    page.get_by_label("Private note").uncheck()
    page.get_by_label("Reply").fill("Yes, bring it in.")
    page.get_by_label("Reply").press("Enter")
    chat = page.locator("#chat")
    expect(chat).to_contain_text("Yes, bring it in.")
    expect(chat).not_to_contain_text("!help")
    assert not one.is_too_wide()
    assert one.faults == []
