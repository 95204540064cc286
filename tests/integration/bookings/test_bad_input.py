"""What the booking pages do with forms that nobody fills in by hand."""

from __future__ import annotations

import re

import pytest

from tests.integration.bookings.conftest import Shop
from tests.integration.bookings.guest import CONTACT, Guest

HOSTILE = [
    "x" * 10_000,
    "\U0001f4f1" * 300,
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "‮abc",
    "a\0b",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_refused_or_shown_as_text(mailing: Shop, guest: Guest, words: str):
    assert guest.get(f"/book?category={words[:2000]}").status in (200, 422)
    assert guest.get(f"/book?q={words[:2000]}").status == 200
    assert guest.post("/book", model=words).status == 422
    guest.post("/book", category="iphone", name=words)
    kept = "\0" not in words and len(words) <= 255
    assert guest.status == (200 if kept else 422)
    guest.chosen()
    guest.do("contact", name=words, email="ilse@example.org", note=words)
    assert guest.status == (200 if kept else 422), guest.page
    assert "<script>alert" not in guest.page and "49" not in re.findall(
        r"<bdi>(.*?)</bdi>", guest.page
    )
    assert guest.do("repairs", repair_types=words).status in (200, 422)
    assert guest.do("code", code=words).status in (200, 422)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"model": "iphone"}, "We do not know this model"),
        ({"category": "spaceship", "name": "x"}, "We do not know this kind of device"),
        ({"category": "iphone", "name": " "}, "Type the name of your device"),
        ({}, "We do not know this model"),
    ],
)
def test_a_device_that_is_none_is_told(mailing: Shop, guest: Guest, form: dict, told: str):
    guest.post("/book", **form)
    assert (guest.status, told in guest.page) == (422, True)
    assert mailing.rows("SELECT count(*) FROM bookings")[0][0] == 0


def test_200_devices_are_stopped_at_ten(mailing: Shop, guest: Guest):
    guest.begin()
    for _ in range(9):
        guest.do("device", model="iphone-13")
    guest.do("device", model="iphone-13")
    assert guest.status == 422 and "At most 10 devices" in guest.page
    assert mailing.rows("SELECT count(*) FROM booked_devices")[0][0] == 10


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2020-01-06T10:00:00+00:00", "This time has passed"),
        ("2120-01-06T10:00:00+00:00", "too far ahead"),
        ("9999-12-31T23:59:59-14:00", "not offered"),
        ("tomorrow", "not offered"),
        ("", "not offered"),
    ],
)
def test_times_that_are_not_offered_are_refused(mailing, guest, start: str, told: str):
    guest.begin().do("repairs", repair_types="screen").do("time", starts_at=start)
    assert (guest.status, told in guest.page) == (422, True), guest.page


def test_a_time_of_another_zone_is_the_same_moment_and_a_closed_day_is_refused(mailing, guest):
    guest.begin().do("repairs", repair_types="screen")
    sunday = mailing.at(10, days=(6 - mailing.day.weekday()) % 7)
    assert "closed on that day" in guest.do("time", starts_at=sunday).page
    guest.do("time", starts_at=mailing.at(10).replace("+00:00", "Z"))
    assert "/contact" in guest.at and "10:00" in guest.page


def test_programs_and_foreign_sites_book_nothing(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", **CONTACT, website="https://spam.example")
    assert guest.status == 409 and "could not take this booking" in guest.page
    foreign = mailing.http.post(
        f"{guest.home}/contact", data=CONTACT, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403
    assert mailing.rows("SELECT status FROM bookings") == [("draft",)]


def test_five_bookings_an_hour_and_no_more(mailing: Shop):
    for number in range(6):
        guest = Guest(mailing.http).chosen()
        guest.do("contact", name="Ilse", email=f"ilse{number}@example.org")
        assert guest.status == (429 if number == 5 else 200)
