"""What customers see at /me: their repairs and messages, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import requests
from markupsafe import escape

from bridge import live
from bridge.integrations.mail import blocks
from crm.core.events import SYSTEM
from crm.notifications import service as notifications
from crm.notifications.models import Notification, NotificationState
from tests.browser.conftest import served
from tests.integration.notices.conftest import BROWSER
from tests.integration.portal.conftest import ILSE, NOOR, Portal, page, token
from tests.integration.tracking.conftest import Watch, until

HOSTILE = ["<script>alert(1)</script>", "{{ 7*7 }}", "‮desrever", "🔧" * 300, "x" * 10_000,
           "javascript:alert(1)", '" onload="x']  # fmt: skip


def tell(
    portal: Portal, customer_id: int, key: str, body: str, state: str = "sent", **fields
) -> int:
    """A message of the log, in that state."""
    with portal.parts.units() as uow:
        row = Notification(
            event_key=key, template="repair_received", locale="en", customer_id=customer_id,
            body=body, channel="mail", state=state, reason="a test", not_before=uow.now,
            created_at=uow.now, **fields,
        )  # fmt: skip
        uow.session.add(row)
        uow.session.flush()
        return row.id


def bell(text: str) -> int:
    return int(re.search(r'class="count">(\d+)<', text)[1])


def test_an_open_repair_shows_where_it_stands_and_how_to_follow_it(portal: Portal):
    ilse = portal.customer()
    ref = portal.repair(ilse, "Pixel 8")
    portal.move(ref, "diagnosing")
    text = page(portal.signed_in())
    assert "Being examined" in text and ref in text
    path = re.search(r'href="[^"]*(/track/[^"]+)"', text)[1]
    assert portal.browser().get(path).status_code == 200


def test_a_finished_one_stands_below_and_a_newcomer_is_invited(portal: Portal):
    ilse = portal.customer()
    empty = page(portal.signed_in())
    assert "Nothing of yours is with us" in empty and "Nothing yet." in empty
    ref = portal.repair(ilse)
    for status in ("diagnosing", "repairing", "testing", "completed", "ready_pickup", "delivered"):
        portal.move(ref, status)
    text = page(portal.signed_in())
    assert "Earlier repairs" in text and "Handed over" in text and "Nothing of yours" in text


def test_a_quote_that_waits_leads_to_its_page(portal: Portal):
    ref = portal.repair(portal.customer())
    line = {"label": "Glass", "unit_minor": 900}
    made = portal.call(
        "POST", f"/repairs/{ref}/quotes", "desk", json={"options": [{"lines": [line]}]}
    )
    assert (
        portal.call("POST", f"/quotes/{made.json['ref']}/send", "desk", json={}).status_code == 200
    )
    text = page(portal.signed_in())
    assert (
        re.search(r'class="button" href="[^"]*/quote/', text) and "See the quote and decide" in text
    )


def test_what_was_written_is_listed_and_counted(portal: Portal):
    portal.repair(portal.customer(), "Pixel 8")
    portal.settle()
    browser = portal.signed_in()
    text = page(browser)
    assert "Pixel 8" in text.split('id="told"')[1] and "by e-mail" in text
    assert bell(text) == 1
    # Fetching the page, as programs do, changes nothing.
    assert bell(page(browser)) == 1


def test_seeing_is_told_by_a_form_and_counts_own_messages_only(portal: Portal):
    ilse, noor = portal.customer(), portal.customer(NOOR, name="Noor")
    mine = [tell(portal, ilse, f"m{number}", f"word {number}") for number in range(3)]
    hers = tell(portal, noor, "n", "for Noor")
    browser = portal.signed_in()
    form = {"csrf_token": token(page(browser)), "id": [str(mine[0]), str(hers), "x", "9" * 30]}
    assert browser.post("/me/seen", headers=BROWSER, data=form).status_code == 204
    assert bell(page(browser)) == 2
    assert bell(page(portal.signed_in(NOOR))) == 1
    assert browser.post("/me/seen", headers=BROWSER, data={"csrf_token": "x"}).status_code == 403
    everything = {"csrf_token": form["csrf_token"]}
    assert browser.post("/me/seen", headers=BROWSER, data=everything).status_code == 303
    assert bell(page(browser)) == 0
    assert bell(page(portal.signed_in(NOOR))) == 1


def test_others_repairs_and_messages_are_not_there(portal: Portal):
    portal.customer()
    noor = portal.customer(NOOR, name="Noor Haddad")
    ref = portal.repair(noor, "Fairphone 5")
    tell(portal, noor, "n", "only for Noor")
    text = page(portal.signed_in(ILSE))
    for words in ("Fairphone", ref, "only for Noor", "Noor Haddad"):
        assert words not in text


@pytest.mark.parametrize(
    ("state", "is_listed"),
    [("no_channel", True), ("queued", True), ("sent", True), ("delivered", True), ("read", True),
     ("failed", True), ("cancelled", False), ("superseded", False), ("skipped", False)],
)  # fmt: skip
def test_what_was_to_be_told_is_listed(portal: Portal, state, is_listed):
    assert state in list(NotificationState)
    tell(portal, portal.customer(), "k", "the words", state)
    text = page(portal.signed_in())
    assert ("the words" in text) is is_listed


def test_what_waits_for_its_hour_is_not_told_before(portal: Portal):
    ilse = portal.customer()
    with portal.parts.units() as uow:
        later = uow.now + timedelta(hours=3)
    tell(portal, ilse, "r", "your appointment is tomorrow", "queued", send_at=later)
    assert "tomorrow" not in page(portal.signed_in())


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(portal: Portal, words):
    ilse = portal.customer(name=words[:100])
    portal.repair(ilse, words[:200])
    tell(portal, ilse, "k", words)
    text = page(portal.signed_in())
    assert "<script>alert" not in text and 'href="javascript' not in text
    assert '" onload="x' not in text and str(escape(blocks.tidy(words))) in text


def test_an_address_of_ours_is_a_link_with_its_words_any_other_is_words(portal: Portal):
    ours = f"{portal.parts.shop.links.public_url}/track/abc.def"
    chosen, strange = "https://reviews.example/us", "https://evil.example/pay"
    lines = ["Hello", f"Follow it here: {ours}", ours, f"- Accept: {ours}", f"See {ours}.",
             f"Tell others: {chosen}", f"Pay here: {strange}"]  # fmt: skip
    tell(portal, portal.customer(), "k", "\n".join(lines), variables={"review_url": chosen})
    told = page(portal.signed_in()).split('id="told"')[1]
    assert re.findall(r'<a href="(http[^"]+)">([^<]+)</a>', told) == [
        (ours, "Follow it here"), (ours, "Open this page"), (ours, "Accept"), (ours, ours),
        (chosen, "Tell others"),
    ]  # fmt: skip
    assert f"<p>Pay here: {strange}</p>" in told and "<p>Hello</p>" in told


def test_the_time_is_when_it_was_sent(portal: Portal):
    ilse = portal.customer()
    with portal.parts.units() as uow:
        sent_at = uow.now - timedelta(days=3)
    tell(portal, ilse, "s", "sent", "sent", send_at=sent_at)
    tell(portal, ilse, "q", "again", "queued", settled_at=sent_at, send_at=sent_at)
    again, sent = re.findall(r'<time datetime="([^"]+)"', page(portal.signed_in()))
    assert sent == sent_at.isoformat() and again > sent


def test_the_count_reads_well_for_one_and_for_many(portal: Portal):
    tell(portal, portal.customer(), "k", "the words")
    browser = portal.signed_in()
    assert 'class="count">1</span> unread' in page(browser)
    assert 'class="count">1</span> por ler' in page(browser, lang="pt")


def test_messages_go_on_page_by_page(portal: Portal):
    ilse = portal.customer()
    for number in range(23):
        tell(portal, ilse, f"m{number}", f"word {number}.")
    browser = portal.signed_in()
    first = page(browser)
    assert "word 22." in first and "word 2." not in first
    older = re.search(r'href="([^"]*cursor=[^"]+)"', first)[1].replace("&amp;", "&")
    second = browser.get(older, headers=BROWSER).text
    assert "word 2." in second and "word 0." in second and "word 3." not in second
    assert browser.get("/me?cursor=x", headers=BROWSER).status_code == 422


def test_it_speaks_portuguese(portal: Portal):
    portal.repair(portal.customer())
    portal.settle()
    text = page(portal.signed_in(), lang="pt")
    assert 'lang="pt"' in text
    for words in ("As minhas reparações", "O que lhe dissemos", "Recebido", "Sair"):
        assert words in text


# -- live


@contextmanager
def listening(site: str, cookie: str, last_id: str | None = None) -> Iterator[Watch]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with requests.get(f"{site}/me/events", headers=headers, cookies={"mendline-me": cookie},
                      stream=True, timeout=5) as answer:  # fmt: skip
        yield Watch(answer)


@pytest.fixture
def site(portal: Portal) -> Iterator[str]:
    with served(portal.app) as url:
        yield url
        until(lambda: live.of(portal.app).count == 0)


def test_a_new_message_is_heard_at_once_and_by_its_customer_alone(portal: Portal, site):
    ilse, noor = portal.customer(), portal.customer(NOOR, name="Noor")
    mine = portal.signed_in().get_cookie("mendline-me").value
    hers = portal.signed_in(NOOR).get_cookie("mendline-me").value
    with listening(site, hers) as other:
        seen = other.message().id
    with listening(site, mine) as watch, listening(site, hers, seen) as other:
        now = watch.message()
        assert (now.event, now.data) == ("messages", {"unread": 0, "newest": 0})
        other.beats(1)
        with portal.parts.units() as uow:
            notifications.compose(
                uow, "k", "repair_received", "Your device is here", locale="en", customer_id=ilse,
                repair_id=None, hold=timedelta(), actor=SYSTEM,
            )  # fmt: skip
        assert watch.message().data["unread"] == 1
        other.beats(3)
    with listening(site, mine, now.id) as watch:
        assert watch.message().data["unread"] == 1
    assert noor != ilse


def test_seen_on_one_device_is_seen_on_all(portal: Portal, site):
    tell(portal, portal.customer(), "k", "words")
    browser = portal.signed_in()
    with listening(site, browser.get_cookie("mendline-me").value) as watch:
        assert watch.message().data["unread"] == 1
        browser.post("/me/seen", headers=BROWSER, data={"csrf_token": token(page(browser))})
        assert watch.message().data["unread"] == 0


def test_without_signing_in_there_is_no_stream(portal: Portal):
    assert portal.browser().get("/me/events").status_code == 401
