"""`/`, `/services` and the chat widget as a client without a browser sees them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.pages.front import opening
from bridge.pages.offers import MAIN
from chatwoot import widget as chat
from crm.catalog.models import RepairType
from crm.locations import queries as locations
from tests.integration.bookings import conftest
from tests.integration.bookings.conftest import Shop

HMAC_TOKEN = "hmac-token-of-the-website-inbox"
CHATWOOT = {
    "CHATWOOT_URL": "https://chat.example.org",
    "CHATWOOT_WEBSITE_TOKEN": "web-token",
    "CHATWOOT_HMAC_TOKEN": HMAC_TOKEN,
}


@pytest.fixture
def connected(db: str, tmp_path: Path) -> Iterator[Shop]:
    yield from conftest.opened(db, tmp_path, **CHATWOOT)


def test_the_front_page_leads_to_everything(shop: Shop):
    page = shop.http.get("/").text
    for address in ("/book", "/track", "/services"):
        assert f'"{address}' in page
    assert "Mon–Sat" in page and "09:00–18:00" in page


def test_days_with_the_same_hours_are_told_together(shop: Shop):
    with shop.parts.units() as uow, shop.http.application.test_request_context("/?lang=en"):
        (place,) = locations.active(uow)
        week = locations.hours(uow, place.id)
        told = [line.days for line in opening([row for row in week if row.weekday not in (1, 5)])]
    assert told == ["Mon", "Wed–Fri"]


def test_services_are_made_from_the_catalogue(shop: Shop):
    with shop.parts.units() as uow:
        uow.session.add(
            RepairType(category="iphone", slug="data-recovery", name="Data recovery", parts=[],
                       price_minor=17999, currency="GBP", minutes=360, difficulty="hard")
        )  # fmt: skip
    assert "data-recovery" in MAIN
    index = shop.http.get("/services").text
    for slug in ("iphone", "macbook", "screen", "data-recovery"):
        assert f"/services/{slug}" in index
    pages = {
        slug: shop.http.get(f"/services/{slug}").text
        for slug in ("iphone", "screen", "iphone-screen", "data-recovery")
    }
    assert "from £179.99" in pages["data-recovery"] and "Apple iPhone 13" in pages["iphone"]
    assert "/services/macbook-screen" in pages["screen"]
    assert "/book?category=iphone&amp;repair=screen" in pages["iphone-screen"]
    assert "about 1 h" in pages["iphone-screen"]


@pytest.mark.parametrize("slug", ["spaceship", "liquid", "x" * 200, "%00", "{{7*7}}", "<script>"])
def test_a_service_that_is_none_is_a_page_too(shop: Shop, slug: str):
    answer = shop.http.get(f"/services/{slug}", headers={"Accept": "text/html"})
    assert answer.status_code == 404 and "49" not in answer.text
    assert "<script>" not in answer.text


def test_a_repair_chosen_on_a_services_page_is_ticked(shop: Shop):
    page = shop.http.get("/book?category=iphone&repair=screen").text
    assert 'name="repair" value="screen"' in page
    answer = shop.http.post(
        "/book", data={"model": "iphone-13", "repair": "screen"}, follow_redirects=True
    )
    assert re.search(r'value="screen" checked', answer.text)


def test_without_chatwoot_there_is_no_widget_and_the_policy_stays_closed(shop: Shop):
    answer = shop.http.get("/")
    assert "widget.js" not in answer.text
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    script = shop.http.get("/widget.js")
    assert script.text.startswith("const CHATWOOT = null;")


def test_the_policy_is_opened_for_chatwoot_on_pages_that_show_it(connected: Shop):
    answer = connected.http.get("/?lang=pt")
    assert 'src="/widget.js" defer data-on-tap data-locale="pt"' in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self' https://chat.example.org;" in policy
    assert "frame-src https://chat.example.org" in policy
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    for path in ("/api/v1/docs", "/admin", "/static/shop.css", "/widget.js"):
        closed = connected.http.get(path).headers["Content-Security-Policy"]
        assert "chat.example.org" not in closed, path
    script = connected.http.get("/widget.js")
    assert '{"url": "https://chat.example.org", "token": "web-token"}' in script.text
    assert script.mimetype == "text/javascript" and HMAC_TOKEN not in script.text


def test_only_the_browser_that_gave_the_code_is_introduced(connected: Shop):
    made = connected.book(None)
    path = f"/book/{made['token']}"
    assert "data-identifier" not in connected.http.get(path).text
    connected.http.post(f"{path}/code", data={"code": connected.code()})
    page = connected.http.get(path).text
    ((ref,),) = connected.rows("SELECT ref FROM customers")
    proof = hmac.new(HMAC_TOKEN.encode(), ref.encode(), hashlib.sha256).hexdigest()
    assert f'data-identifier="{ref}"' in page and f'data-hash="{proof}"' in page
    stranger = connected.http.application.test_client().get(path).text
    assert "Your booking is firm" in stranger and "data-identifier" not in stranger


@pytest.mark.parametrize(
    ("told", "learned", "key"),
    [
        ((None, None), {"website_token": "a", "hmac_token": "k"}, "k"),
        (("a", None), {"website_token": "a", "hmac_token": "k"}, "k"),
        (("b", None), {"website_token": "a", "hmac_token": "k"}, None),
        (("b", "own"), {"website_token": "a", "hmac_token": "k"}, "own"),
    ],
)
def test_the_key_belongs_to_the_inbox(told: tuple, learned: dict, key: str | None):
    read: Callable[[], dict] = lambda: learned  # noqa: E731
    found = chat.current("https://chat.example.org/x", *told, read)
    assert (found.hmac_token, found.origin) == (key, "https://chat.example.org")
    assert chat.current("https://chat.example.org", None, None, dict) is None
