"""/admin/messages: every message on every channel, and the frame that shows an e-mail."""

from __future__ import annotations

import re

import pytest

from bridge.integrations.mail.layout import seen
from crm.core.events import SYSTEM
from crm.notifications import samples, texts
from crm.staff import service, sessions

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
MESSAGES = {name for name in samples.names() if not name.startswith("note_")}


@pytest.fixture
def staff(client, units):
    """A browser that is signed in with the least rights."""
    with units() as uow:
        person = service.create_staff(uow, SYSTEM, email="v@shop.example", name="V", role="viewer")
        link = "/admin/sign-in/" + sessions.create_link(uow, SYSTEM, person)
    client.post(link, headers=BROWSER)
    return client


def get(client, path: str):
    return client.get(f"/admin/messages{path}", headers=BROWSER)


@pytest.mark.parametrize("locale", texts.LOCALES)
def test_every_message_is_there_on_its_channels(staff, locale: str):
    answer = get(staff, f"?locale={locale}&scheme=dark&width=phone")
    assert answer.status_code == 200
    shown = set(re.findall(r'<h2 id="(\w+)">', answer.text))
    assert shown == MESSAGES
    assert answer.text.count("<iframe ") == len(MESSAGES)
    assert answer.text.count('sandbox title="') == len(MESSAGES)
    assert "repairs.quayphones.example" not in answer.text
    assert re.search(r"segments: 1, GSM-7, \S", answer.text)
    code = answer.text.partition('id="verification_code"')[2].partition("</section>")[0]
    assert "<h3>SMS</h3>" in code and "<h3>Chat</h3>" not in code
    assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_frame_runs_nothing_and_loads_nothing(staff):
    answer = get(staff, "/booking_confirmed/mail?locale=pt&scheme=dark")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and policy.endswith("sandbox")
    assert "frame-ancestors 'self'" in policy and "script-src" not in policy
    assert 'lang="pt"' in answer.text and "@media all" in answer.text
    light = get(staff, "/booking_confirmed/mail?scheme=light")
    assert "@media not all" in light.text and 'lang="en"' in light.text


def test_other_names_are_not_found(staff):
    for name in ("note_help", "nobody", "x" * 61, "..%2f..%2fetc", "%00", "<script>"):
        answer = get(staff, f"/{name}/mail")
        assert answer.status_code == 404, name
        assert "<script>" not in answer.text


def test_without_a_wish_messages_are_in_the_language_of_the_page(staff):
    browser = {**BROWSER, "Accept-Language": "pt"}
    page = staff.get("/admin/messages", headers=browser).text
    assert 'value="pt" selected' in page and "segmentos: 1, GSM-7, " in page
    other = staff.get("/admin/messages?locale=en", headers=browser)
    assert 'value="en" selected' in other.text and '<html lang="pt">' in other.text
    frame = staff.get("/admin/messages/invoice/mail?locale=en", headers=browser)
    assert frame.headers["Content-Language"] == "en"


def test_odd_wishes_are_the_usual(staff):
    odd = get(staff, "?locale=<script>&scheme=%00&width=" + "x" * 1_000)
    assert odd.status_code == 200 and "<script>" not in odd.text
    assert re.findall(r'value="(\w+)" selected', odd.text) == ["en", "light", "desktop"]


def test_strangers_see_nothing(client):
    assert get(client, "").status_code == 401
    assert get(client, "/invoice/mail").status_code == 401


def test_a_device_prefers_one_scheme():
    page = '<meta content="light dark">@media (prefers-color-scheme: dark) {}'
    assert seen(page, "dark") == '<meta content="dark">@media all {}'
    assert seen(page, "light") == '<meta content="light">@media not all {}'
