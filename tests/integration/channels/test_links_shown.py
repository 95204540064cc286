"""Who reads a link of a customer's page: those who may have it anyway, on every way a body is shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.api.bodies import LINKS, MASK
from crm.core.events import SYSTEM
from crm.files.links import FileLinks
from crm.files.rules import Size
from crm.notifications import service
from crm.repairs.models import Repair
from crm.staff import tokens
from tests.integration.bookings.conftest import ENVIRON
from tests.integration.channels.conftest import Channels

NOW = datetime.now(UTC)
VIEWER = {"invoices", "files/get"}
TECHNICIAN = VIEWER | {"track", "r", "files", "sign"}
DESK = TECHNICIAN | {"quote", "pay", "book", "api/v1/bookings", "preferences"}
ALLOWED = {
    "viewer": VIEWER,
    "technician": TECHNICIAN,
    "desk": DESK,
    "manager": DESK | {"api/v1/bookings/feeds"},
    "admin": DESK | {"api/v1/bookings/feeds"},
}


@pytest.fixture
def links(channels: Channels) -> dict[str, str]:
    """One of every kind, as they stand in messages."""
    made = channels.shop.parts.shop.links
    files = FileLinks(made.public_url, (ENVIRON["SECRET_KEY"],))
    feed, sign_in, invited = (tokens.make()[0] for _ in range(3))
    return {
        "track": made.track(1, NOW),
        "r": made.job(1),
        "files": files.upload(1, "one", NOW),
        "files/get": files.download("key", Size.FULL, NOW),
        "sign": made.sign(1, NOW),
        "quote": made.quote(1, NOW),
        "pay": made.pay(1, NOW),
        "invoices": made.invoice(1, NOW),
        "book": made.booking(1, NOW),
        "api/v1/bookings": f"{made.public_url}/api/v1/bookings/{made.booking_token(1, NOW)}.ics",
        "api/v1/bookings/feeds": f"{made.public_url}/api/v1/bookings/feeds/{feed}.ics",
        "preferences": made.preferences(1, NOW),
        "survey": made.survey(1, NOW) + "?rating=5",
        "me/sign-in": f"{made.public_url}/me/sign-in/{sign_in}",
        "admin/sign-in": f"{made.public_url}/admin/sign-in/{invited}",
    }


def check(answer: Any, links: dict[str, str], role: str) -> None:
    assert answer.status_code in (200, 201), answer.text
    told = json.dumps(answer.json, ensure_ascii=False)
    read = {name for name, url in links.items() if url in told}
    assert read == ALLOWED[role]
    for name in links.keys() - read:
        assert links[name].partition(f"/{name}/")[2].split("?")[0].split(".ics")[0] not in told
        assert f"/{name}/{MASK}" in told


def written(channels: Channels, customer: str, repair: str, words: str, key: str) -> int:
    """A message that waits and may still be taken back."""
    with channels.shop.parts.units() as uow:
        row = uow.session.query(Repair).filter_by(ref=repair).one()
        return service.compose(
            uow, key, "follow_up", words, locale="en", customer_id=row.customer_id,
            repair_id=row.id, hold=timedelta(hours=1), actor=SYSTEM,
        ).id  # fmt: skip


def ticket_of(channels: Channels, customer: str, repair: str) -> str:
    body = {"customer": customer, "subject": "screen"}
    ticket = channels.shop.call("POST", "/tickets", "desk", json=body).json["ref"]
    linked = channels.shop.call(
        "POST", f"/tickets/{ticket}/repairs", "desk", json={"repair": repair}
    )
    assert linked.status_code == 201, linked.text
    return ticket


def test_every_role_on_every_way(channels: Channels, links: dict[str, str], subtests):
    call = channels.shop.call
    words = "\n".join(links.values())
    customer = channels.customer(email="ilse@example.com")
    repair = channels.repair(customer)
    ticket = ticket_of(channels, customer, repair)
    written(channels, customer, repair, words, "read")
    said = call("POST", f"/tickets/{ticket}/messages", "desk", json={"body": words})
    assert said.status_code == 201
    later = {"repair": repair, "words": words, "due_at": (NOW + timedelta(days=9)).isoformat()}
    planned = call("POST", "/follow-ups", "desk", json=later)
    assert planned.status_code == 201, planned.text
    for role in ALLOWED:
        for path in (
            "/notifications",
            f"/customers/{customer}/context",
            f"/tickets/{ticket}/messages",
            "/follow-ups",
            f"/follow-ups/{planned.json['id']}",
        ):
            with subtests.test(path, role=role):
                check(call("GET", path, role), links, role)
        if role == "viewer":
            continue
        with subtests.test("cancel and resend", role=role):
            number = written(channels, customer, repair, words, role)
            check(call("POST", f"/notifications/{number}/cancel", role), links, role)
            again = {"again": True}
            check(call("POST", f"/notifications/{number}/resend", role, json=again), links, role)
        with subtests.test("preview", role=role):
            act = {"repair": repair, "status": "diagnosing", "note": words}
            check(call("POST", "/messages/preview", role, json=act), links, role)


def test_the_tracking_link_itself(channels: Channels, subtests):
    """Its page leads on to the quote and the money, and writes as the customer."""
    customer = channels.customer(email="ilse@example.com")
    repair = channels.repair(customer)
    ticket = ticket_of(channels, customer, repair)
    url = channels.shop.call("GET", f"/repairs/{repair}", "desk").json["tracking_url"]
    assert "/track/" in url
    for role in ("viewer", "technician", "desk", "manager", "admin"):
        may = role != "viewer"
        with subtests.test(role):
            for path in (f"/repairs/{repair}", "/repairs", f"/tickets/{ticket}/repairs",
                         f"/customers/{customer}/context"):  # fmt: skip
                assert (url in channels.shop.call("GET", path, role).text) is may
            label = channels.shop.call("GET", f"/repairs/{repair}/label.pdf", role)
            assert label.status_code == (200 if may else 403)
            headers = {"Authorization": f"Bearer {channels.shop.keys[role]}"}
            page = channels.shop.http.get(f"/admin/repairs/{repair}", headers=headers)
            assert page.status_code == 200
            assert (url in page.text) is may and ("label.pdf" in page.text) is may


def test_the_keys_to_a_booking(channels: Channels, subtests):
    made = channels.shop.confirmed()
    keys = {name: made[name] for name in ("token", "link", "ics_url")}
    assert all(keys.values())
    as_guest = channels.shop.call("GET", f"/bookings/{made['token']}").json
    assert {name: as_guest[name] for name in keys} == keys
    for role in ("viewer", "technician", "desk", "manager", "admin"):
        may = role not in ("viewer", "technician")
        with subtests.test(role):
            for path in (f"/bookings/{made['ref']}", "/bookings"):
                assert (made["token"] in channels.shop.call("GET", path, role).text) is may
            entry = channels.shop.call("GET", f"/bookings/{made['ref']}.ics", role)
            assert entry.status_code == (200 if may else 403)


def test_words_of_others_stay_as_they_are(channels: Channels):
    words = (
        "Parcel: https://courier.example/track/00340434161094042557 https://x.example/r/repair\n"
        "Ours: /services/screen https://docs.example/a.b, 1/2, " + "book/" * 2_000
    )
    customer = channels.customer(email="ilse@example.com")
    repair = channels.repair(customer)
    written(channels, customer, repair, words, "others")
    assert channels.shop.call("GET", "/notifications", "viewer").json["data"][0]["body"] == words


def test_no_page_with_a_token_is_forgotten(channels: Channels):
    """Whoever adds one says who may see its links."""
    rules = channels.shop.http.application.url_map.iter_rules()
    found = {
        rule.rule.partition("/<")[0].strip("/")
        for rule in rules
        if {"token", "which"} & rule.arguments and not rule.rule.startswith("/webhooks/")
    }
    assert found == set(LINKS)


def test_the_page_of_messages_shows_no_link_that_opens_anything(channels: Channels):
    headers = {"Authorization": f"Bearer {channels.shop.keys['viewer']}"}
    page = channels.shop.http.get("/admin/messages", headers=headers)
    assert page.status_code == 200
    home = re.escape(channels.shop.parts.shop.links.public_url)
    urls = {
        one.rstrip(".") for one in re.findall(rf"{home}(/(?!admin/)[\w/.-]+/[\w.-]+)", page.text)
    }
    assert len(urls) > 5
    for url in urls:
        answer = channels.shop.http.get(url)
        assert answer.status_code in (404, 410), (url, answer.status_code)
