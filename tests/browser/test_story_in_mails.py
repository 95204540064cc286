"""The whole story of one repair in messages, English and Portuguese, as a customer reads it.

A guest books, proves the address, is reminded, brings the device, approves a quote, hears of every
stage, pays, collects, rates and is asked for a review. Every message is taken by a real mail server,
and every mail is opened in the browser: on a phone and wide, light and dark.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from bridge import limits
from crm.core.events import SYSTEM
from crm.notifications import preferences, texts
from crm.notifications.rules import Wishes
from tests import post
from tests.browser.conftest import Visit, served
from tests.integration.bookings.conftest import opened
from tests.integration.channels.conftest import Channels
from tests.integration.followups.conftest import zone_at
from tests.post import PostOffice

pytestmark = pytest.mark.browser

# Where to leave pictures of every mail, for a look at them.
PICTURES = os.environ.get("STORY_PICTURES")
LOOKS = [(375, "light"), (375, "dark"), (700, "light"), (700, "dark")]
STAGES = ("testing", "completed", "ready_pickup")  # the approval begins the work
ADDRESS = "ilse@example.org"
CHAPTERS = [
    "verification_code",
    "booking_confirmed",
    "booking_reminder",
    "booking_reminder",
    "repair_received",
    "repair_diagnosing",
    "quote_ready",
    "repair_repairing",
    "repair_testing",
    "repair_completed",
    "repair_ready_pickup",
    "payment_received",
    "repair_delivered",
    "survey",
    "review_request",
]


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post.opened() as one:
        yield one


@pytest.fixture
def channels(db: str, tmp_path: Path, office: PostOffice) -> Iterator[Channels]:
    office.empty()
    told = {
        "SMTP_URL": office.url,
        "MAIL_FROM": "Quay Phones <desk@quay.example>",
        "MAIL_REPLY_TO": "help@quay.example",
        # Follow-ups are sent by day.
        "SHOP_TIMEZONE": zone_at(12).key,
    }
    for shop in opened(db, tmp_path, **told):
        yield Channels(shop, office)


class Story:
    def __init__(self, channels: Channels, visit: Visit, home: str):
        self.channels, self.page, self.home = channels, visit.page, home
        self.page.set_default_timeout(10_000)
        channels.shop.parts.shop.links.public_url = home

    def does(self, how: str, path: str, role: str | None = "desk", **body: Any) -> Any:
        answer = self.channels.shop.call(how, path, role, json=body)
        assert answer.status_code < 300, answer.text
        self.channels.settle()
        return answer.json

    @property
    def mails(self) -> list[EmailMessage]:
        return self.channels.post.to(ADDRESS)

    def link(self, kind: str) -> str:
        """The newest link of a kind that was sent."""
        words = "\n".join(text_of(mail) for mail in self.mails)
        return re.findall(rf"{self.home}/{kind}/\S+", words)[-1]

    def passes(self, what: str) -> None:
        """Time passes until this kind of message is due."""
        self.channels.write(
            "UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL "
            "WHERE state = 'pending' AND body ->> 'notification_id' IN "
            "(SELECT id::text FROM notifications WHERE template = :what)", what=what,
        )  # fmt: skip
        self.channels.settle()

    def agrees_to_marketing(self) -> None:
        with self.channels.shop.parts.units() as uow:
            customer_id = self.channels.shop.rows("SELECT customer_id FROM follow_ups")[0][0]
            preferences.change(uow, customer_id, Wishes(marketing=True), SYSTEM)

    def follows(self, kind: str) -> None:
        """The day comes for a follow-up."""
        parts = self.channels.shop.parts
        self.channels.write(
            "UPDATE follow_ups SET due_at = clock_timestamp() WHERE kind = :kind", kind=kind
        )
        (turn,) = (one for one in parts.schedules() if one.name == "followups.round")
        turn.run()
        handed_on = self.channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")
        parts.rows().work([row[0] for row in handed_on], [])
        self.channels.settle()


@pytest.mark.parametrize("locale", texts.LOCALES)
def test_the_story_of_one_repair(channels: Channels, visit, locale: str):
    limits.limiter.reset()
    reader = visit(375, locale=texts.REGIONS[locale].replace("_", "-"))
    with served(channels.shop.http.application) as home:
        story = Story(channels, reader, home)
        ref = _told(story, locale)
        _check_thread(story.mails, ref)
    # A mail program knows nothing of our pages and their rules.
    program = visit(375)
    _look(story.mails, program.page, locale)
    assert reader.faults == program.faults == []


def _told(story: Story, locale: str) -> str:
    """The story itself; the reference of its repair."""
    told = story.does("GET", "/follow-up-settings", "manager")
    review = {"review_url": "https://example.test/review"}
    story.does("PUT", "/follow-up-settings", "manager", **(told | review))

    shop = story.channels.shop
    wish = {"date": shop.day.isoformat(), "model": "iphone-13", "repair_type": "screen"}
    offered = shop.call("GET", "/slots", query_string=wish).json["data"]
    made = shop.book(None, locale=locale, starts_at=offered[0]["starts_at"])
    story.channels.settle()
    code = re.search(r"\b\d{6}\b", text_of(story.mails[-1]))[0]
    story.does("POST", f"/bookings/{made['token']}/confirm", None, code=code)
    story.passes("booking_reminder")
    story.does("POST", f"/bookings/{made['ref']}/check-in")
    (ref,) = (row[0] for row in story.channels.shop.rows("SELECT ref FROM repairs"))

    story.does("POST", f"/repairs/{ref}/updates", status="diagnosing")
    lines = [{"label": "Original screen", "unit_minor": 12_000, "kind": "part"},
             {"label": "Fitting", "unit_minor": 3_000}]  # fmt: skip
    quote = story.does(
        "POST", f"/repairs/{ref}/quotes", options=[{"name": "Screen", "lines": lines}]
    )
    story.does("POST", f"/quotes/{quote['ref']}/send")
    story.page.goto(story.link("quote"))
    story.page.get_by_role("button", name=re.compile("approve|aprovar", re.I)).first.click()
    story.page.wait_for_load_state()
    story.channels.settle()
    for status in STAGES:
        story.does("POST", f"/repairs/{ref}/updates", status=status)
    story.does("POST", "/payments", repair=ref, method="cash", amount_minor=15_000, currency="GBP")
    story.does("POST", f"/repairs/{ref}/updates", status="delivered")
    story.follows("survey")
    story.page.goto(story.link("survey"))
    story.page.locator("button[value='5'], label:has(input[value='5'])").first.click()
    story.agrees_to_marketing()
    story.follows("review_request")
    return ref


def _check_thread(mails: list[EmailMessage], ref: str) -> None:
    """One message for each chapter, each with a text and a page; those of the repair make a thread."""
    assert len(mails) == len(CHAPTERS), [mail["Subject"] for mail in mails]
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)
    about = [mail for mail in mails if ref in mail["Subject"]]
    assert len(about) >= len(CHAPTERS) - CHAPTERS.index("repair_received") - 1
    assert len({mail["References"] for mail in about}) == 1
    for mail in mails:
        assert mail["To"] == ADDRESS and "help@quay.example" in mail["Reply-To"]
        assert text_of(mail) and page_of(mail)


def _look(mails: list[EmailMessage], page: Page, locale: str) -> None:
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        for number, (mail, chapter) in enumerate(zip(mails, CHAPTERS, strict=True), start=1):
            page.set_content(page_of(mail))
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), (chapter, width)
            assert page.locator("html").get_attribute("lang") == locale
            shown = re.sub(r"\s+", " ", page.locator("body").inner_text())
            assert "Quay Phones" in shown and "{{" not in shown and "None" not in shown
            if PICTURES:
                name = f"{locale}-{number:02}-{chapter}-{width}-{scheme}.png"
                page.screenshot(path=Path(PICTURES) / name, full_page=True)


def text_of(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content()


def page_of(mail: EmailMessage) -> str:
    return mail.get_body(("html",)).get_content()
