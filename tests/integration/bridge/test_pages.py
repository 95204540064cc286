"""The customer pages as a client without a browser sees them: what they show, hide and refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from bridge.pages.tracking.words import FLAG_WORDS, STATUS_WORDS
from crm.core.events import Actor
from crm.core.shop import TRACK_DAYS
from crm.core.uow import Units
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairFlag, RepairStatus

TODAY = datetime.now(UTC).date()
TILL = Actor("shop", "Till of Sam Harker", "key_1")
AGENT = Actor("agent", "Tom Bell")


@pytest.fixture
def make_repair(units: Units) -> Callable[..., Address]:
    def make(**values) -> Address:
        new = NewRepair(**{"customer_id": None, "device": "iPhone 13", **values})
        with units() as uow:
            return Address(ref=open_repair(uow, new, TILL, by_staff=False).ref)

    return make


@pytest.fixture
def move(units: Units) -> Callable[..., None]:
    def report(address: Address, status: str, *, by_staff: bool = False, **values) -> None:
        news = StatusNews(RepairStatus(status), by_staff=by_staff, **values)
        with units() as uow:
            repairs.change_status(uow, address, news, AGENT if by_staff else TILL)

    return report


@pytest.fixture
def path_of(app, units: Units) -> Callable[[Address], str]:
    def make(address: Address, received_at: datetime | None = None) -> str:
        with units() as uow:
            repair = repairs.find(uow, address)
            links = app.extensions["mendline"].shop.links
            return urlsplit(links.track(repair.id, received_at or repair.received_at)).path

    return make


def section(page: str, name: str) -> str:
    """One part of the page as plain words."""
    part = re.search(rf'<section[^>]*aria-labelledby="{name}">(.*?)</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", part[1]).split()) if part else ""


def test_shows_the_way_and_what_was_told(client: FlaskClient, make_repair, move, path_of):
    address = make_repair(estimated_on=TODAY + timedelta(days=9))
    move(address, "diagnosing", note="We look at the screen first")
    move(address, "repairing", internal_note="customer is difficult", technician="Sam Harker")

    answer = client.get(path_of(address))

    assert answer.status_code == 200
    assert "Being repaired" in section(answer.text, "state")
    assert "Expected to be ready" in section(answer.text, "state")
    assert "Waiting for a part not needed" in section(answer.text, "steps")
    assert answer.text.count('aria-current="step"') == 1
    assert "We look at the screen first" in section(answer.text, "history")
    for secret in ("difficult", "Sam Harker", "Till"):
        assert secret not in answer.text


def test_late_news_and_taken_back_steps_are_not_shown(client, make_repair, move, path_of):
    address = make_repair()
    move(address, "repairing", version=5)
    move(address, "waiting_parts", version=3, note="late words")
    move(address, "testing", by_staff=True, note="too early")
    move(address, "repairing", by_staff=True, reason="wrong button")

    page = client.get(path_of(address)).text
    history = section(page, "history")

    assert "Being repaired" in section(page, "state")
    assert "Being repaired" in history and "Received" in history
    for gone in ("late words", "Waiting for a part", "too early", "Being tested", "wrong button"):
        assert gone not in history


def test_an_ended_repair_says_so_instead_of_promising(client, units, make_repair, path_of):
    address = make_repair(estimated_on=TODAY + timedelta(days=3))
    with units() as uow:
        repairs.set_flags(uow, address, [RepairFlag.CANCELLED, RepairFlag.IN_STORAGE], AGENT)

    page = client.get(path_of(address)).text

    assert '<h1 id="state">This repair was cancelled.</h1>' in page
    assert "We keep your device in storage" in page
    assert "Expected to be ready" not in page
    assert section(page, "steps") == ""


def test_a_passed_day_is_admitted(client, make_repair, path_of):
    address = make_repair(estimated_on=TODAY - timedelta(days=3))
    assert "It takes longer than we thought" in client.get(path_of(address)).text


def test_times_are_the_shops(client, units, make_repair, path_of):
    address = make_repair(occurred_at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    assert "2 July 2026, 00:30" in client.get(path_of(address)).text.replace("\u202f", " ")


def test_words_of_a_shop_are_text(client, make_repair, path_of):
    address = make_repair(device="<script>alert(1)</script>", note="{{ 7 * 7 }} <b>")
    page = client.get(path_of(address)).text
    assert "<script>" not in page and "<b>" not in page
    assert "{{ 7 * 7 }} &lt;b&gt;" in page


def test_every_link_that_opens_nothing_answers_the_same(client, units, make_repair, path_of):
    address = make_repair()
    good = path_of(address)
    expired = path_of(address, datetime.now(UTC) - timedelta(days=TRACK_DAYS, seconds=1))
    foreign = path_of(make_repair())
    with units() as uow:
        removed = uow.session.query(Repair).where(Repair.ref != address.ref).one()
        for entry in uow.session.query(repairs.RepairEntry).where(
            repairs.RepairEntry.repair_id == removed.id
        ):
            uow.session.delete(entry)
        uow.session.flush()
        uow.session.delete(removed)
    damaged = good[:-2] + ("aa" if good[-2:] != "aa" else "bb")

    answers = [client.get(path) for path in (expired, foreign, damaged, good[:-9], "/track/x")]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link opens no repair" in answers[0].text
    assert answers[0].headers["Cache-Control"] == "no-store"


def test_nothing_keeps_or_passes_on_the_link(client, make_repair, path_of):
    headers = client.get(path_of(make_repair())).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in headers


def test_guessing_is_slowed_down(client):
    statuses = [client.get(f"/track/guess{number}").status_code for number in range(11)]
    assert statuses == [404] * 10 + [429]


@pytest.mark.parametrize(
    ("query", "accepted", "lang"),
    [
        ("", "pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("", "de-DE,de;q=0.9", "en"),
        ("", "", "en"),
        ("?lang=pt", "en-GB", "pt"),
        ("?lang=xx", "pt", "pt"),
    ],
)
def test_speaks_the_visitors_language(client, query, accepted, lang):
    answer = client.get(f"/{query}", headers={"Accept-Language": accepted} if accepted else {})
    word = {"en": "Language", "pt": "Língua"}[lang]
    assert answer.headers["Content-Language"] == lang
    assert f'<html lang="{lang}">' in answer.text
    assert f'aria-label="{word}"' in answer.text, "run: pybabel compile -d bridge/translations"
    assert "Accept-Language" in answer.headers["Vary"]


def test_every_status_and_flag_has_words():
    assert set(STATUS_WORDS) == set(RepairStatus)
    assert set(FLAG_WORDS) == set(RepairFlag)
