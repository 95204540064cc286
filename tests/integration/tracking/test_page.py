"""The tracking page around its words: the changing part, pictures, the calendar entry, the app."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from crm.files.models import File
from crm.repairs import service as repairs
from crm.repairs.service import Address
from tests.integration.tracking.conftest import TILL, Tracked

TODAY = datetime.now(UTC).date()


def test_the_changing_part_comes_alone_and_only_when_it_changed(tracked):
    page = tracked.page()
    etag = re.search(r'data-etag="&#34;(\w+)&#34;"', page)[1]
    unchanged = tracked.service.http.get(
        tracked.path, query_string={"part": 1}, headers={"If-None-Match": f'"{etag}"'}
    )
    assert (unchanged.status_code, unchanged.data) == (304, b"")

    tracked.move("diagnosing")
    part = tracked.service.http.get(
        tracked.path, query_string={"part": 1}, headers={"If-None-Match": f'"{etag}"'}
    )
    assert part.status_code == 200
    assert "Being examined" in part.text and "<html" not in part.text and "<form" not in part.text
    assert part.headers["Cache-Control"] == "no-store"
    assert part.headers["ETag"] != f'"{etag}"'


def test_the_page_names_the_event_it_shows(tracked):
    before = int(re.search(r'data-event-id="(\d+)"', tracked.page())[1])
    tracked.note(note="Looking at it")
    assert int(re.search(r'data-event-id="(\d+)"', tracked.page())[1]) > before


def test_an_open_page_may_ask_as_often_as_it_likes(tracked):
    asked = [tracked.service.http.get(tracked.path, query_string={"part": 1}) for _ in range(15)]
    assert {answer.status_code for answer in asked} == {200}


def test_public_words_between_the_steps_are_told(tracked):
    tracked.note(note="We found a swollen battery", internal_note="rude customer")
    tracked.note(internal_note="only for staff")
    page = tracked.page()
    assert "A word from the workshop" in page and "We found a swollen battery" in page
    assert page.count("A word from the workshop") == 1
    assert "rude" not in page and "only for staff" not in page


def test_released_pictures_alone_are_shown_in_pairs(tracked):
    def file(number: int, **values) -> File:
        common = {
            "key": f"key{number}", "repair_id": tracked.id, "name": "Mrs Harker.jpg",
            "content_type": "image/jpeg", "size_bytes": 9, "width": 4000, "height": 3000,
            "digest": str(number), "source": "api", "actor_kind": "staff", "actor_name": "Tom",
            "is_public": True, "created_at": datetime.now(UTC),
        }  # fmt: skip
        return File(**common | values)

    with tracked.service.units() as uow:
        uow.session.add_all(
            [
                file(1, pair=1, stage="before"), file(2, pair=1, stage="after"), file(3),
                file(4, is_public=False),
                file(5, content_type="application/pdf", width=None, height=None),
            ]
        )  # fmt: skip

    page = tracked.page()

    assert page.count("<img") == 3
    assert 'alt="Before the repair"' in page and 'alt="After the repair"' in page
    assert 'width="320" height="240"' in page
    assert "Document 1 (PDF)" in page
    assert "Mrs Harker" not in page and "Tom" not in page
    assert page.split("<form")[0] == tracked.page().split("<form")[0], "links move with the clock"


def test_an_expected_day_goes_into_the_calendar_and_moves_in_it(tracked):
    def day_given(days: int) -> Calendar:
        with tracked.service.units() as uow:
            repairs.change_estimate(
                uow, Address(ref=tracked.ref), TILL,
                estimated_on=TODAY + timedelta(days=days), estimate_minor=None,
            )  # fmt: skip
        answer = tracked.service.http.get(f"{tracked.path}/ready.ics")
        assert answer.status_code == 200
        assert answer.mimetype == "text/calendar"
        return Calendar.from_ical(answer.data)

    (first,), (second,) = (day_given(days).walk("VEVENT") for days in (4, 9))

    assert first.decoded("dtstart") == TODAY + timedelta(days=4)
    assert second.decoded("dtend") == TODAY + timedelta(days=10)
    assert first["uid"] == second["uid"]
    assert second["sequence"] > first["sequence"]
    assert "Harker" not in str(second)


def test_without_a_day_there_is_no_entry(tracked):
    tracked.move("ready_pickup")
    assert "ready.ics" not in tracked.page()
    assert tracked.service.http.get(f"{tracked.path}/ready.ics").status_code == 404


def test_each_link_installs_as_an_app_of_its_own(tracked):
    answer = tracked.service.http.get(f"{tracked.path}/manifest.webmanifest")
    manifest = json.loads(answer.data)
    assert answer.mimetype == "application/manifest+json"
    assert manifest["start_url"] == manifest["scope"] == manifest["id"] == tracked.path
    assert manifest["display"] == "standalone"
    assert {"any", "maskable"} == {icon["purpose"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        assert tracked.service.http.get(icon["src"]).mimetype == icon["type"]
    assert tracked.service.http.get("/track/x/manifest.webmanifest").status_code == 404


def test_the_service_worker_names_what_it_keeps(mendline):
    answer = mendline.http.get("/sw.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    shell = json.loads(re.search(r"const SHELL = (\[.*?\]);", answer.text)[1])
    assert all(mendline.http.get(path).status_code == 200 for path in shell)
    assert re.search(r'const VERSION = "\w{12}"', answer.text)


@pytest.mark.parametrize("tail", ["", "?part=1", "/events", "/ready.ics", "/manifest.webmanifest"])
def test_guessing_any_address_of_a_link_is_slowed_down(mendline, tail):
    path, _, query = tail.partition("?")
    statuses = [
        mendline.http.get(f"/track/guess{number}{path}?{query}").status_code for number in range(11)
    ]
    assert statuses == [404] * 10 + [429]


def test_nothing_personal_is_on_any_of_it(mendline):
    number = mendline.open_thread(name="Ottilie Quince", email="ottilie@quince.example")
    customer = mendline.one("SELECT customer_id FROM conversations WHERE number = :n", n=number)
    tracked = Tracked(mendline, customer_id=customer, estimated_on=TODAY + timedelta(days=2))
    mendline.settle()
    for path in ("", "?part=1", "/ready.ics", "/manifest.webmanifest"):
        text = mendline.http.get(tracked.path + path).text.lower()
        assert "ottilie" not in text and "quince" not in text
