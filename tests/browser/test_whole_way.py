"""From drop-off to collected on a phone, with the tracking page open all the way.

How a guest gets the booking is walked in `test_booking_pages.py`; here the customer had it made in
the chat, and the shop works as shops do: desk, bench, till and agent each in their own place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from bridge import limits
from crm.bookings import opening
from crm.catalog import service as catalog
from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests.browser.conftest import Visit
from tests.service import Service, running
from tests.unit.crm.files import samples

pytestmark = pytest.mark.browser

# Where to leave pictures of every stage, for a look at them.
PICTURES = os.environ.get("WALK_PICTURES")
IMEI = "490154203237518"


@pytest.fixture
def mendline(db: str) -> Iterator[Service]:
    with running(db, SHOP_NAME="Harbour Repairs") as service:
        service.subscribe()
        with service.units() as uow:
            catalog.seed(uow)
            opening.furnish(uow, "Harbour Repairs", "Europe/London")
        limits.limiter.reset()
        yield service


class Walk:
    """The customer's phone, and what the shop does meanwhile."""

    def __init__(self, service: Service, make_visit: Callable[..., Visit]):
        self.service = service
        self.home = f"http://127.0.0.1:{service.server.server_port}"
        self.visit = make_visit(390)
        self.page: Page = self.visit.page
        self.page.set_default_timeout(10_000)
        self._make_visit = make_visit
        self._keys: dict[str, str] = {}
        self._seen = 0

    def call(self, role: str, method: str, path: str, **body: Any) -> dict[str, Any]:
        if role not in self._keys:
            with self.service.units() as uow:
                made = staff.create_key(uow, self.service.parts.seal, SYSTEM, name=role, role=role)
                self._keys[role] = made.key
        answer = self.service.http.open(
            f"/api/v1{path}", method=method, json=body or None,
            headers={"Authorization": f"Bearer {self._keys[role]}"},
        )  # fmt: skip
        assert answer.status_code < 300, answer.text
        return answer.json

    def local(self, url: str) -> str:
        return self.home + urlsplit(url).path

    def sees(self, heading: str) -> None:
        """The open page says so, without having been loaded again."""
        expect(self.page.locator("h1")).to_have_text(heading)
        assert self.page.evaluate("window.isStillOpen === true")
        assert not self.visit.is_too_wide()
        self.picture(heading)

    def picture(self, name: str, page: Page | None = None) -> None:
        if PICTURES:
            self._seen += 1
            path = f"{PICTURES}/{self._seen:02}-{re.sub('[^a-z]+', '-', name.lower())}.png"
            (page or self.page).screenshot(path=path, full_page=True)

    def answers(self, ref: str, stage: str) -> None:
        """The bench goes through the checklist."""
        told = self.call("technician", "GET", f"/repairs/{ref}/checklist")
        (items,) = [one["items"] for one in told["stages"] if one["stage"] == stage]
        answered = [{"stage": stage, "slug": one["slug"], "result": "ok"} for one in items]
        self.call("technician", "PATCH", f"/repairs/{ref}/checklist", items=answered)

    def signs(self, url: str, name: str) -> None:
        page = self._make_visit(390).page
        page.goto(self.local(url))
        page.fill("#name", name)
        page.check("#consent")
        self.picture("signing", page)
        page.click("#sign-form > p > button")
        page.wait_for_load_state()
        assert page.locator("#sign-form").count() == 0

    def uploads(self, url: str) -> None:
        page = self._make_visit(390).page
        page.goto(self.local(url))
        page.set_input_files(
            "#chosen",
            [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": samples.photo(800, 600)}],
        )
        page.click("#upload-form button")
        page.wait_for_url("**received=1**")


def booked_in_chat(walk: Walk) -> tuple[int, str]:
    """(number of the conversation, reference of the booking)."""
    number = walk.service.open_thread("Hello, my screen broke")
    day = datetime.now(UTC).date() + timedelta(days=7)
    day += timedelta(days=(0 - day.weekday()) % 7)
    slots = walk.call("desk", "GET", f"/slots?date={day}&model=apple-iphone-13&repair_type=screen")
    made = walk.call(
        "desk", "POST", "/bookings",
        devices=[{"model": "apple-iphone-13", "repair_types": ["screen"]}],
        starts_at=slots["data"][0]["starts_at"], name="Ilse Brandt", email="ilse@example.org",
        conversation_id=number,
    )  # fmt: skip
    walk.call("desk", "POST", f"/bookings/{made['ref']}/confirm")
    walk.service.settle()
    return number, made["ref"]


def test_from_drop_off_to_collected(mendline, visit):
    walk = Walk(mendline, visit)
    walk.call("manager", "PATCH", "/locations/shop", requires_intake=True)
    number, booking = booked_in_chat(walk)

    # Drop-off: the desk takes the phone in, the customer signs on the own phone.
    done = walk.call("desk", "POST", f"/bookings/{booking}/check-in")
    ref = done["devices"][0]["repair"]
    walk.call("technician", "PUT", f"/repairs/{ref}/intake", imei=IMEI, condition="fair")
    terms = walk.call("desk", "POST", f"/repairs/{ref}/agreements", purpose="drop_off", send=True)
    walk.signs(terms["url"], "Ilse Brandt")
    mendline.settle()
    attributes = mendline.thread(number)["custom_attributes"]
    assert (attributes["booking_ref"], attributes["repair_refs"]) == (booking, ref)

    # The link from the chat, opened once and never loaded again.
    tracking = walk.call("desk", "GET", f"/repairs/{ref}")["tracking_url"]
    assert any(tracking in told for told in mendline.told(number))
    walk.visit.open(walk.local(tracking))
    walk.page.evaluate("window.isStillOpen = true")
    walk.page.wait_for_selector("#badge.live")
    walk.sees("Received")
    facts = walk.page.locator(".state .facts")
    expect(facts).to_contain_text("Harbour Repairs")

    # The bench: the checklist stands before the work, then the till reports.
    answer = mendline.http.post(
        f"/api/v1/repairs/{ref}/updates", json={"status": "diagnosing"},
        headers={"Authorization": f"Bearer {walk._keys['technician']}"},
    )  # fmt: skip
    assert answer.json["code"] == "checklist-incomplete"
    walk.answers(ref, "before")
    walk.call("technician", "POST", f"/repairs/{ref}/updates", status="diagnosing")
    walk.sees("Being examined")
    walk.call("technician", "PATCH", f"/repairs/{ref}", estimate_minor=19999)
    expect(facts).to_contain_text("£199.99")

    link = walk.call("desk", "POST", f"/repairs/{ref}/upload-links")
    walk.uploads(link["url"])
    (photo,) = walk.call("desk", "GET", f"/repairs/{ref}/files")["data"]
    walk.call("desk", "PATCH", f"/files/{photo['id']}", is_public=True)
    expect(walk.page.locator("figure img").first).to_be_visible()

    till = mendline.shop_key()
    mendline.report(till, "repair.status_changed", ref=ref, status="repairing", note="New glass")
    mendline.settle()
    walk.sees("Being repaired")
    expect(walk.page.locator("#part")).to_contain_text("New glass")

    later = (datetime.now(UTC) + timedelta(days=21)).date()
    walk.call(
        "technician", "POST", f"/repairs/{ref}/delay",
        reason="part_late", new_date=later.isoformat(),
    )  # fmt: skip
    mendline.settle()
    expect(walk.page.locator("#part")).to_contain_text(f"{later.day} {later:%b} {later.year}")
    assert any("later" in told or "longer" in told for told in mendline.told(number))

    # Ready, told by an agent in the thread; the code goes to the customer alone.
    walk.answers(ref, "after")
    mendline.agent(number, "!ready", private=True)
    mendline.settle()
    walk.sees("Ready to collect")
    code = re.search(r"collection code:\s+(\d{6})", "\n".join(mendline.told(number)))[1]
    assert not any(code in note for note in mendline.notes(number))

    walk.call("desk", "POST", f"/repairs/{ref}/collection", code=code)
    walk.call("desk", "POST", f"/repairs/{ref}/updates", status="delivered")
    walk.sees("Handed over")
    mendline.settle()
    (line,) = walk.call("desk", "GET", f"/repairs/{ref}/warranty")["lines"]
    assert (line["slug"], line["is_covered"]) == ("screen", True)
    assert mendline.unfinished() == []
    assert walk.visit.faults == []
