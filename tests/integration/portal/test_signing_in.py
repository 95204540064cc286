"""A link by mail: who gets one, how it signs in, and what strangers learn."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from crm import duties
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.customers import merging
from crm.customers.models import CustomerKey
from crm.portal import sessions
from crm.portal.models import PortalLink, PortalSession
from crm.privacy import erasing
from tests.integration.notices.conftest import BROWSER
from tests.integration.portal.conftest import ILSE, NOOR, Portal, page, token

ASKED = "If we know this address"
OPERATOR = Actor("staff", "command line")
HOSTILE = ["", "x", "@", "a@b", "x" * 10_000 + "@example.org", "ilse@example.org\r\nBcc: a@b.example",
           "<script>@example.org", "{{7*7}}@example.org", "‮@example.org", "🔧@example.org",
           "a\x00@example.org", "' OR 1=1 --@x.example"]  # fmt: skip


def test_known_and_unknown_are_answered_alike(portal: Portal):
    portal.customer(ILSE)
    portal.customer(NOOR, proven=False)
    answers = []
    for address in (ILSE, NOOR, "nobody@example.org"):
        browser = portal.browser()
        sent = portal.ask(address, browser)
        shown = browser.get(sent.location, headers=BROWSER)
        headers = [(k, v) for k, v in sent.headers if k != "X-Request-Id"]
        answers.append((sent.status_code, headers, shown.status_code, shown.text))
    assert answers[0] == answers[1] == answers[2]
    assert ASKED in answers[0][3]
    assert len(portal.links()) == 1
    assert portal.post.recipients == [ILSE]


def test_the_address_stands_nowhere_in_the_open(portal: Portal):
    portal.ask("nobody@example.org")
    portal.settle()
    assert "nobody@" not in str(
        portal.rows("SELECT convert_from(body, 'UTF8'), subject FROM inbox")
    )


def test_capitals_and_blanks_do_not_matter(portal: Portal):
    portal.customer(ILSE)
    assert portal.link("  Ilse@Example.ORG ").startswith("/me/sign-in/")


def test_the_mail_speaks_the_language_of_the_page_and_names_the_shop(portal: Portal):
    portal.customer(ILSE)
    portal.browser().post("/me?lang=pt", data={"email": ILSE}, headers=BROWSER)
    portal.settle()
    assert portal.post.mails[-1]["Subject"] == "Entrar na Quay Phones"
    assert "15 minutos" in portal.post.text()


def test_looking_at_the_link_does_not_use_it_up(portal: Portal):
    portal.customer(ILSE)
    link = portal.link()
    browser = portal.browser()
    for _ in range(3):
        assert browser.get(link, headers=BROWSER).status_code == 200
        assert browser.head(link).status_code == 200
    assert browser.get("/me", headers=BROWSER).text.count("mark") == 0
    answer = browser.post(link, headers=BROWSER)
    assert (answer.status_code, urlsplit(answer.location).path) == (303, "/me")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("mendline-me=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Ilse Brandt" in page(browser)
    other = portal.browser()
    assert other.post(link, headers=BROWSER).status_code == 410
    assert other.get(link, headers=BROWSER).status_code == 410
    assert "Ilse Brandt" not in page(other)


def test_tokens_are_kept_as_hashes_and_never_in_the_log_of_messages(portal: Portal):
    portal.customer(ILSE)
    secret = portal.link().rsplit("/", 1)[1]
    kept = str(portal.rows("SELECT notifications, outbox, inbox FROM notifications, outbox, inbox"))
    assert secret not in kept
    with portal.parts.units() as uow:
        assert uow.session.query(PortalLink).one().token_hash != secret
    (body,) = portal.rows("SELECT body FROM notifications WHERE template = 'sign_in_link'")[0]
    assert "••••••" in body
    assert portal.rows("SELECT sealed_body, address FROM notifications")[0] == (None, None)


@pytest.mark.parametrize(
    "path", ["/me/sign-in/x", "/me/sign-in/" + "x" * 100, "/me/sign-in/%3Cscript%3E"]
)
def test_links_that_open_nothing(portal: Portal, path):
    browser = portal.browser()
    assert browser.get(path, headers=BROWSER).status_code == 410
    assert browser.post(path, headers=BROWSER).status_code == 410


def test_links_and_sessions_end(portal: Portal):
    portal.customer(ILSE)
    link = portal.link()
    with portal.parts.units() as uow:
        uow.session.query(PortalLink).one().expires_at = uow.now - timedelta(seconds=1)
    assert portal.browser().post(link, headers=BROWSER).status_code == 410
    browser = portal.signed_in()
    with portal.parts.units() as uow:
        row = uow.session.query(PortalSession).one()
        assert row.expires_at - row.created_at == timedelta(days=sessions.SESSION_DAYS)
        row.expires_at = uow.now - timedelta(seconds=1)
    assert "Ilse Brandt" not in page(browser)
    with portal.parts.units() as uow:
        for table in (PortalLink, PortalSession):
            uow.session.query(table).update({"expires_at": uow.now - timedelta(days=8)})
    duties.forget(portal.parts.units)
    assert portal.rows(
        "SELECT (SELECT count(*) FROM portal_links), (SELECT count(*) FROM portal_sessions)"
    )[0] == (0, 0)


def test_one_sign_in_ends_the_other_links_of_that_customer(portal: Portal):
    portal.customer(ILSE)
    first, second = portal.link(), portal.link()
    assert portal.browser().post(second, headers=BROWSER).status_code == 303
    assert portal.browser().post(first, headers=BROWSER).status_code == 410


def _from(portal: Portal, net: str, email: str) -> TestResponse:
    """A visitor from there asks."""
    where = {"REMOTE_ADDR": net}
    return portal.browser().post(
        "/me", data={"email": email}, headers=BROWSER, environ_overrides=where
    )


def test_no_link_is_added_to_three_good_ones(portal: Portal):
    portal.customer(ILSE)
    for _ in range(5):
        assert portal.ask(ILSE).status_code == 303
    assert len(portal.links()) == 3


def test_strangers_lock_nobody_out(portal: Portal):
    """However many ask: there is always a good link in the mail, and after it was used a new one."""
    portal.customer(ILSE)
    for number in range(12):
        assert _from(portal, f"198.51.100.{number}", ILSE).status_code == 303
    assert portal.ask(ILSE).status_code == 303
    links = portal.links()
    assert len(links) == 3
    assert portal.browser().post(links[-1], headers=BROWSER).status_code == 303
    portal.ask(ILSE)
    assert len(portal.links()) == 4


def test_links_in_a_mailbox_nobody_reads_any_more_lock_nobody_out(portal: Portal):
    owner = portal.customer(ILSE)
    with portal.parts.units() as uow:
        key = CustomerKey(
            customer_id=owner, kind="email", value=NOOR, is_proven=True, created_at=uow.now
        )
        uow.session.add(key)
    for _ in range(4):
        portal.ask(NOOR)
    portal.ask(ILSE)
    portal.links()
    assert portal.post.recipients == [NOOR] * 3 + [ILSE]


@pytest.mark.parametrize(("minutes", "count"), [(9, 3), (11, 4)])
def test_links_that_are_about_to_end_do_not_count(portal: Portal, minutes, count):
    portal.customer(ILSE)
    for _ in range(3):
        portal.ask(ILSE)
    portal.links()
    with portal.parts.units() as uow:
        ago = timedelta(minutes=minutes)
        uow.session.execute(
            update(PortalLink).values(
                expires_at=PortalLink.expires_at - ago, created_at=PortalLink.created_at - ago
            )
        )
    portal.ask(ILSE)
    assert len(portal.links()) == count


def test_asking_is_limited_for_each_visitor_and_address(portal: Portal):
    """Known or not: what one visitor asks for takes nothing from another."""
    here, there = "198.51.100.7", "198.51.100.8"
    codes = [_from(portal, here, typed).status_code for typed in (ILSE, f" {ILSE.upper()}", ILSE)]
    often = _from(portal, here, ILSE)
    assert (*codes, often.status_code) == (303, 303, 303, 429)
    assert "several times" in often.text
    assert _from(portal, there, ILSE).status_code == 303
    codes = [_from(portal, here, f"{n}@example.org").status_code for n in range(3)]
    assert codes[-1] == 429


def test_what_was_typed_is_dropped_when_it_was_looked_up(portal: Portal):
    portal.customer(ILSE)
    for address in (ILSE, "nobody@example.org"):
        portal.ask(address)
    portal.settle()
    assert set(portal.rows("SELECT state, body FROM inbox")) == {("done", None)}


def test_what_nobody_looked_up_goes_with_the_next_person_erased(portal: Portal):
    portal.customer(ILSE)
    portal.ask("nobody@example.org")
    with portal.parts.units() as uow:
        uow.session.execute(update(InboxRow).values(state="dead"))
        (ref,) = uow.session.execute(text("SELECT ref FROM customers")).one()
        erasing.erase(uow, ref, OPERATOR)
    assert set(portal.rows("SELECT state, body FROM inbox")) == {("ignored", None)}


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_addresses_do_no_harm(portal: Portal, typed):
    portal.customer(ILSE)
    answer = portal.ask(typed)
    assert answer.status_code in (303, 422)
    assert "<script>@" not in answer.text
    assert portal.links() == [] and portal.post.mails == []


def test_a_planted_session_does_not_survive_signing_in(portal: Portal):
    portal.customer(ILSE), portal.customer(NOOR, name="Noor Haddad")
    attacker = portal.signed_in(NOOR)
    planted = attacker.get_cookie("mendline-me").value
    victim = portal.browser()
    victim.set_cookie("mendline-me", planted)
    assert victim.post(portal.link(ILSE), headers=BROWSER).status_code == 303
    assert victim.get_cookie("mendline-me").value != planted
    assert "Ilse Brandt" in page(victim)
    assert "Noor" not in page(attacker) and "Ilse" not in page(attacker)


@pytest.mark.parametrize("path", ["/me", "/me/sign-in/x", "/me/sign-out", "/me/seen"])
def test_forms_from_other_sites_are_refused(portal: Portal, path):
    foreign = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    assert portal.browser().post(path, data={"email": ILSE}, headers=foreign).status_code == 403


def test_signing_out_needs_its_own_page_and_ends_the_session(portal: Portal):
    portal.customer(ILSE)
    browser = portal.signed_in()
    assert browser.post("/me/sign-out", headers=BROWSER).status_code == 403
    text = page(browser)
    kept = browser.get_cookie("mendline-me").value
    form = {"csrf_token": token(text)}
    assert browser.post("/me/sign-out", headers=BROWSER, data=form).status_code == 303
    assert browser.get_cookie("mendline-me") is None
    again = portal.browser()
    again.set_cookie("mendline-me", kept)
    assert "Ilse Brandt" not in page(again)


def test_the_cookie_of_staff_opens_no_portal_and_the_other_way_round(portal: Portal):
    portal.customer(ILSE)
    browser = portal.signed_in()
    stolen = browser.get_cookie("mendline-me").value
    browser.set_cookie("mendline", stolen)
    assert browser.get("/admin", headers=BROWSER).status_code == 401
    assert browser.get("/api/v1/customers").status_code == 401


def test_after_a_merge_the_kept_record_opens(portal: Portal):
    merged, kept = portal.customer(ILSE), portal.customer(NOOR, name="Ilse B.")
    link = portal.link(ILSE)
    browser = portal.signed_in(ILSE)
    portal.repair(kept, "Galaxy S24")
    assert "Galaxy S24" not in page(browser)
    refs = dict(portal.rows("SELECT id, ref FROM customers"))
    with portal.parts.units() as uow:
        merging.merge(uow, refs[kept], refs[merged], OPERATOR)
    assert "Galaxy S24" in page(browser)
    assert "Galaxy S24" in page(portal.signed_in(NOOR))
    assert portal.browser().post(link, headers=BROWSER).status_code == 410


def test_an_erased_person_is_gone(portal: Portal):
    portal.customer(ILSE)
    browser = portal.signed_in()
    (ref,) = portal.rows("SELECT ref FROM customers")[0]
    with portal.parts.units() as uow:
        erasing.erase(uow, ref, OPERATOR)
    assert "Ilse" not in page(browser)
    portal.ask(ILSE)
    assert len(portal.links()) == 1
    assert portal.rows("SELECT count(*) FROM portal_sessions")[0][0] == 0


def test_nobody_keeps_or_lists_these_pages(portal: Portal):
    portal.customer(ILSE)
    answer = portal.signed_in().get("/me", headers=BROWSER)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    sent = portal.browser().get(portal.link(), headers=BROWSER)
    assert sent.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"https?://(?!localhost)", sent.text)
