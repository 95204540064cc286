"""The sandbox's page: one person plays the customer and the agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from chatwoot.sandbox import create_sandbox
from tests.browser.conftest import served

pytestmark = pytest.mark.browser

ITEMS = [
    {"title": "MacBook Air: received", "value": "RPR-1"},
    {"title": "<b>iPhone</b> 13 {{ 7 }} \U0001f4f1", "value": "RPR-2"},
]
# What Chromium does to a frame of another site where third-party storage is blocked.
DENY_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("Access is denied for this document.", "SecurityError"); },
});"""


@pytest.fixture
def app() -> Flask:
    return create_sandbox(None, public_url="http://127.0.0.1:1", version="4.14.1")


@pytest.fixture
def admin(app: Flask) -> dict[str, str]:
    token = app.test_client().get("/sandbox/api/credentials").json["admin_token"]
    return {"Api-Access-Token": token}


@pytest.fixture
def inbox(app: Flask, admin: dict[str, str]) -> dict:
    channel = {"type": "web_widget", "website_url": "https://shop.example.test"}
    made = app.test_client().post(
        "/api/v1/accounts/1/inboxes", json={"name": "Website", "channel": channel}, headers=admin
    )
    assert made.status_code == 200, made.text
    return made.json


@pytest.fixture
def sandbox(app: Flask, inbox: dict) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def ask(app: Flask, admin: dict[str, str]) -> Callable[[], None]:
    """A question with buttons, into the newest conversation."""

    def post() -> None:
        http = app.test_client()
        number = http.get("/sandbox/api/conversations").json["conversations"][0]["id"]
        body = {
            "content": "Which repair is it about?",
            "content_type": "input_select",
            "content_attributes": {"items": ITEMS},
        }
        path = f"/api/v1/accounts/1/conversations/{number}/messages"
        assert http.post(path, json=body, headers=admin).status_code == 200

    return post


def pressed(app: Flask) -> list:
    """What was submitted to each question."""
    state = app.test_client().get("/sandbox/api/state").json
    messages = [one for thread in state["conversations"] for one in thread["messages"]]
    asked = [one for one in messages if one["content_type"] == "input_select"]
    return [one["content_attributes"].get("submitted_values") for one in asked]


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

    for command in ("!delay", "!about", "!help"):
        page.get_by_role("button", name=command).click()
        expect(page.get_by_label("Reply")).to_have_value(re.compile(command))
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


def arrive(page: Page) -> None:
    page.get_by_label("Name").fill("Ada Marsh")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_label("Who is writing")).to_contain_text("Ada Marsh")
    page.get_by_label("Message to the shop").fill("Is it ready?")
    page.get_by_label("Message to the shop").press("Enter")
    expect(page.locator("#chat")).to_contain_text("Is it ready?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_customer_presses_an_option_of_a_question(
    app, sandbox, ask, visit, scheme, accessibility_faults
):
    one = visit(390, scheme)
    page = one.page
    one.open(sandbox + "/")
    arrive(page)
    ask()
    page.locator("#list button").first.click()
    chat, thread = page.locator("#chat"), page.locator("#thread")
    expect(chat.get_by_role("button")).to_have_text([item["title"] for item in ITEMS])
    expect(thread.locator("li").last).to_contain_text(f"Button: {ITEMS[0]['title']}")
    assert thread.get_by_role("button").count() == 0
    assert not one.is_too_wide()
    assert accessibility_faults(page) == []

    chat.get_by_role("button", name=ITEMS[1]["title"]).click()
    for seen in (chat, thread):
        expect(seen.locator("li").last).to_contain_text(f"Pressed: {ITEMS[1]['title']}")
    expect(chat.get_by_role("button")).to_have_count(0)
    assert pressed(app) == [[ITEMS[1]]]
    assert one.faults == []


def test_the_bubble_works_where_storage_is_denied(app, sandbox, inbox, ask, visit):
    one = visit(390)
    page = one.page
    page.add_init_script(DENY_STORAGE)
    one.open(f"{sandbox}/widget?website_token={inbox['website_token']}")
    for words in ("My screen is broken", "Is it ready?"):
        page.locator("#text").fill(words)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("li").last).to_have_text(words)
    ask()
    page.get_by_role("button", name=ITEMS[0]["title"]).click()
    expect(page.locator("li button")).to_have_count(0)
    assert pressed(app) == [[ITEMS[0]]]
    # The second message went into the first one's thread.
    assert app.test_client().get("/sandbox/api/state").json["counts"]["contacts"] == 1
    assert one.faults == []


def test_the_bubble_says_what_was_not_sent_and_keeps_the_words(sandbox, inbox, visit):
    one = visit(390)
    page = one.page
    one.open(f"{sandbox}/widget?website_token={inbox['website_token']}")
    field, notice = page.locator("#text"), page.get_by_role("alert")
    field.fill("  ")
    page.get_by_role("button", name="Send").click()
    expect(notice).to_have_text("Not sent: Content can't be blank")

    page.context.set_offline(True)
    field.fill("Hello?")
    page.get_by_role("button", name="Send").click()
    expect(notice).to_contain_text("Not sent: Failed to fetch")
    expect(field).to_have_value("Hello?")

    page.context.set_offline(False)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("li")).to_have_text("Hello?")
    expect(notice).to_be_hidden()
