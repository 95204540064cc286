"""The signing page as a phone uses it, without script: read, sign once, see it again."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from crm.agreements import rules, service, terms
from crm.agreements.models import Purpose
from crm.core import clock
from crm.core.shop import Links
from crm.notifications.texts import LOCALES
from crm.repairs.models import Repair
from tests import builders
from tests.faults.harness import eventually
from tests.integration.agreements.conftest import asked, filled, path_of, signs
from tests.service import ENVIRON

DRAWN = "[[[10,20],[30,40],[600,200]],[[5,5],[6,6]]]"
AGENT = "Mozilla/5.0 (Phone)"


def test_a_customer_reads_signs_and_sees_it_again(mendline, desk, repair):
    made = asked(desk, repair)
    assert made["qr_code"].startswith("data:image/svg+xml")
    assert made["agreement"]["signed_at"] is None
    path = path_of(made)
    page = mendline.http.get(path, headers={"Accept-Language": "en"})
    assert page.status_code == 200 and repair in page.text and "Pixel 8" in page.text
    assert "Ilse" not in page.text and 'name="drawing"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    words = terms.built_in(Purpose.DROP_OFF, "en")
    assert all(line in page.text for line in words.splitlines())

    answer = mendline.http.post(
        path, data=filled(page.text, drawing=DRAWN), headers={"User-Agent": AGENT}
    )
    assert answer.status_code == 303
    again = mendline.http.get(answer.headers["Location"]).text
    assert "Signed. Thank you!" in again and "Ilse Brandt" in again and "<form" not in again
    assert 'd="M10 20L30 40L600 200"' in again

    (kept,) = desk("GET", f"/repairs/{repair}/agreements").json["data"]
    assert kept["signer_name"] == "Ilse Brandt" and kept["terms_text"] == words
    assert kept["terms_digest"] == hashlib.sha256(words.encode()).hexdigest()
    assert (kept["locale"], kept["terms_version"], kept["purpose"]) == ("en", 1, "drop_off")
    assert (kept["ip_address"], kept["user_agent"]) == ("127.0.0.1", AGENT)
    assert kept["drawing"] == [[[10, 20], [30, 40], [600, 200]], [[5, 5], [6, 6]]]


def test_signed_twice_the_first_signature_stays(mendline, desk, repair, link):
    page = mendline.http.get(link).text
    for name in ("Ilse Brandt", "Somebody Else"):
        assert mendline.http.post(link, data=filled(page, name=name)).status_code == 303
    assert mendline.column("SELECT signer_name FROM agreements") == ["Ilse Brandt"]
    assert mendline.count("repair_history", "outcome = 'signed'") == 1
    refused = desk("POST", f"/repairs/{repair}/agreements", json={"purpose": "drop_off"})
    assert (refused.status_code, refused.json["code"]) == (409, "already-signed")


def test_many_forms_at_once_make_one_signature(mendline, link):
    page = mendline.http.get(link).text

    def send(number: int) -> int:
        client = mendline.app.test_client()
        return client.post(link, data=filled(page, name=f"Person {'abcdef'[number]}")).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(6))) == {303}
    assert mendline.count("agreements") == mendline.count("terms") == 1
    assert mendline.count("repair_history", "outcome = 'signed'") == 1


def test_each_language_signs_its_own_text(mendline, link):
    page = mendline.http.get(link + "?lang=pt").text
    assert "As nossas condições" in page and "Escreva-nos" not in page
    assert mendline.http.post(link + "?lang=pt", data=filled(page)).status_code == 303
    assert mendline.column("SELECT locale FROM terms") == ["pt"]
    # What was signed is shown in its own words, whoever looks.
    assert "Preço e aprovação" in mendline.http.get(link, headers={"Accept-Language": "en"}).text


def test_agents_read_it_in_the_thread_and_in_the_history(mendline, desk):
    number = mendline.open_thread()
    ticket = mendline.one("SELECT ref FROM tickets")
    made = desk("POST", "/repairs", json={"device": "Pixel 8", "ticket": ticket})
    repair = made.json["ref"]
    mendline.settle()
    link = asked(desk, repair, send=True)
    mendline.settle()
    (message,) = [m for m in mendline.told(number) if "sign our terms" in m]
    path = "/sign/" + message.split("/sign/")[1].split()[0]
    assert path.split("/")[2] != "" and repair in message
    assert signs(mendline, path).status_code == 303
    mendline.settle()
    (note,) = [one for one in mendline.notes(number) if "terms signed" in one]
    assert "drop-off terms signed (version 1, en), by Ilse Brandt (customer)" in note
    entries = desk("GET", f"/repairs/{repair}/history").json["data"]
    (entry,) = [one for one in entries if one["outcome"] == "signed"]
    assert entry["actor_kind"] == "customer" and entry["details"]["purpose"] == "drop_off"
    # The link that was made at the desk opens the same agreement.
    assert "Signed. Thank you!" in mendline.http.get(path_of(link)).text
    assert mendline.unfinished() == []


@pytest.mark.parametrize("broken", ["forged", "cut", "expired", "voided", "track"])
def test_a_link_that_opens_nothing(mendline, desk, repair, link, broken):
    own = Links("", (ENVIRON["SECRET_KEY"],))
    agreement_id = mendline.one("SELECT id FROM agreements")
    if broken == "voided":
        _run(mendline, "UPDATE agreements SET voided_at = now()")
    path = {
        "forged": Links("", ("another-key",)).sign(agreement_id, clock.now() + timedelta(hours=1)),
        "cut": link[:-3],
        "expired": own.sign(agreement_id, clock.now() - timedelta(seconds=1)),
        "voided": link,
        "track": own.track(1, clock.now()).replace("/track/", "/sign/"),
    }[broken]
    page = mendline.http.get(path)
    assert page.status_code == 404 and "opens nothing" in page.text and repair not in page.text
    form = {"name": "Ilse", "consent": "yes", "digest": "", "locale": "en"}
    assert mendline.http.post(path, data=form).status_code == 404
    assert mendline.count("agreements", "signed_at IS NOT NULL") == 0


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": ""}, "Type your name."),
        ({"name": " \u202e\u0000. "}, "Type your name."),
        ({"name": "x" * 10_000}, "more than 120 letters"),
        ({"consent": ""}, "Tick the box"),
        ({"consent": "no"}, "Tick the box"),
        ({"drawing": "<svg onload=alert(1)>"}, "could not read the drawing"),
        ({"drawing": '[[["</script>",1]]]'}, "could not read the drawing"),
        ({"drawing": "[" * 60_000}, "could not read the drawing"),
        ({"digest": "0" * 64}, "text has changed"),
        ({"digest": "{{7*7}}", "locale": "../../x"}, "text has changed"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_kept(mendline, link, typed, words):
    answer = signs(mendline, link, **typed)
    assert answer.status_code in (409, 422) and words in answer.text
    assert 'id="sign-form"' in answer.text and "onload" not in answer.text
    assert mendline.count("agreements", "signed_at IS NOT NULL") == 0
    assert mendline.count("terms") == 0


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ana\t María \n", "Ana María"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("{{ 7*7 }} Ilse 😀", "{{ 7*7 }} Ilse 😀"),
        ("שלום \u202eabc", "שלום abc"),
    ],
)
def test_strange_names_are_kept_as_words(mendline, link, typed, kept):
    assert signs(mendline, link, name=typed).status_code == 303
    assert mendline.one("SELECT signer_name FROM agreements") == kept
    shown = mendline.http.get(link).text
    assert "<script>alert" not in shown and "49 Ilse" not in shown


def test_a_device_name_cannot_run_anything(mendline, desk):
    made = desk("POST", "/repairs", json={"device": "<script>alert(1)</script>{{7*7}}"})
    page = mendline.http.get(path_of(asked(desk, made.json["ref"]))).text
    assert "<script>alert" not in page and "{{7*7}}" in page


def test_a_form_from_another_site_is_refused_and_forms_are_counted(mendline, link):
    form = filled(mendline.http.get(link).text)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert mendline.http.post(link, data=form, headers=foreign).status_code == 403
    assert mendline.count("agreements", "signed_at IS NOT NULL") == 0
    for _ in range(19):
        assert mendline.http.post(link, data={**form, "name": ""}).status_code == 422
    assert mendline.http.post(link, data=form).status_code == 429


def test_a_shop_writes_its_own_text_and_the_signed_one_stays(mendline, role, desk, repair, link):
    stale = mendline.http.get(link).text
    assert signs(mendline, link).status_code == 303
    manager = role("manager")
    now = "/terms/in-force?purpose=drop_off&locale="
    assert "Price and approval" in desk("GET", now + "en").json["text"]
    own = {"purpose": "drop_off", "locale": "en", "text": "Our rules\r\nBe kind. <b>&\r\n\r\nEnd"}
    made = manager("POST", "/terms", json=own)
    assert made.status_code == 201 and made.json["version"] == 2 and made.json["is_own"]
    assert made.json["text"] == "Our rules\nBe kind. <b>&\n\nEnd"
    assert desk("POST", "/terms", json=own).status_code == 403

    assert desk("GET", now + "en").json["digest"] == made.json["digest"]
    assert desk("GET", now + "pt").json["id"] is None
    assert desk("GET", now + "xx").status_code == 422
    assert "Price and approval" in mendline.http.get(link).text
    with mendline.units() as uow:
        other = builders.repair(uow).ref
    path = path_of(asked(desk, other))
    page = mendline.http.get(path).text
    assert "Be kind. &lt;b&gt;&amp;" in page and "Price and approval" not in page
    # Somebody who had read the old words is asked to read again.
    digest = filled(stale)["digest"]
    answer = mendline.http.post(path, data={**filled(page), "digest": digest})
    assert answer.status_code == 409 and "text has changed" in answer.text
    assert signs(mendline, path).status_code == 303
    listed = desk("GET", "/terms?purpose=drop_off&locale=en").json["data"]
    assert [(one["version"], one["is_own"]) for one in listed] == [(2, True), (1, False)]
    assert mendline.count("audit", "action = 'terms.publish'") == 1


@pytest.mark.parametrize("words", ["", "  \n ", "x" * 20_001, "a\0b", 7, None])
def test_texts_that_do_not_fit(role, words):
    body = {"purpose": "drop_off", "locale": "en", "text": words}
    assert role("manager")("POST", "/terms", json=body).status_code == 422


def test_every_built_in_text_fits_the_rules():
    for purpose in Purpose:
        texts = [terms.built_in(purpose, locale) for locale in LOCALES]
        assert all(100 < len(one) <= terms.LONGEST_TEXT for one in texts)
        assert len({len(one.split("\n\n")) for one in texts}) == 1
    assert rules.SHEET_WIDTH == 3 * rules.SHEET_HEIGHT  # as the page's style draws it


def _run(mendline, statement: str) -> None:
    with mendline.units() as uow:
        uow.session.execute(text(statement))


def test_a_second_click_sends_the_link_once(mendline, desk, repair):
    for _ in range(2):
        asked(desk, repair, send=True)
    assert mendline.count("notifications", "template = 'sign_request'") == 1
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE agreements SET sent_at = sent_at - interval '2 minutes'"))
    asked(desk, repair, send=True)
    assert mendline.count("notifications", "template = 'sign_request'") == 2


def _is_waited_for(mendline):
    with mendline.parts.engine.connect() as connection:
        return connection.execute(
            text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                 " AND datname = current_database()")
        ).first()  # fmt: skip


def test_a_link_voided_while_the_form_waits_signs_nothing(mendline, desk, repair):
    path = path_of(asked(desk, repair, "collection"))
    form = filled(mendline.http.get(path).text)
    with ThreadPoolExecutor(1) as pool:
        with mendline.units() as uow:
            row = uow.session.scalars(select(Repair).with_for_update()).one()
            sent = pool.submit(lambda: mendline.app.test_client().post(path, data=form))
            eventually(lambda: _is_waited_for(mendline), "the form waits", 5)
            service.void_collection(uow, row.id)
        assert sent.result(20).status_code == 404
    assert mendline.count("agreements", "signed_at IS NOT NULL") == 0


def test_where_somebody_signed_from_is_not_for_every_reader(mendline, role, desk, repair, link):
    assert signs(mendline, link).status_code == 303
    told = {
        name: call("GET", f"/repairs/{repair}/agreements").json["data"][0]
        for name, call in (("desk", desk), ("viewer", role("viewer")))
    }
    assert told["desk"]["ip_address"] and told["desk"]["user_agent"]
    assert told["viewer"]["ip_address"] is told["viewer"]["user_agent"] is None
    assert told["viewer"]["signer_name"] == "Ilse Brandt"
