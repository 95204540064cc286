"""/admin/notices as a browser without script uses it."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape

from tests import builders
from tests.integration.notices.conftest import BROWSER, Desk

HOSTILE = ["<script>alert(1)</script>", "{{ 7 * 7 }}", "‮desrever", "🔧" * 200, "x" * 10_000]


def page(browser, path: str = "/admin/notices", **query: str) -> str:
    answer = browser.get(path, headers=BROWSER, query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def token(text: str) -> str:
    return re.search(r'name="csrf_token" value="(\w+)"', text)[1]


def press(browser, path: str, **fields: str):
    text = page(browser)
    form = {"csrf_token": token(text), **fields}
    return browser.post(path, headers=BROWSER, data=form)


def test_unread_ones_stand_first_and_the_bell_counts_them(desk: Desk):
    browser = desk.signed_in()
    first, second = desk.post_one("1"), desk.post_one("2")
    assert press(browser, f"/admin/notices/{second}/read").status_code == 303
    text = page(browser)
    assert text.index("TKT-1") < text.index("TKT-2")
    assert re.search(r'class="count">1<', text)
    assert re.search(r'class="count">1<', page(browser, "/admin/repairs"))
    assert press(browser, f"/admin/notices/{second}/unread").status_code == 303
    assert re.search(r'class="count">2<', page(browser))
    assert first < second


def test_all_at_once_and_back_again(desk: Desk):
    browser = desk.signed_in()
    kept = desk.post_one("0")
    press(browser, f"/admin/notices/{kept}/read")
    desk.post_one("1"), desk.post_one("2")
    answer = press(browser, "/admin/notices/read-all")
    shown = browser.get(answer.location, headers=BROWSER).text
    assert "You have seen everything" in shown
    moment = re.search(r'name="at" value="([^"]+)"', shown)[1]
    assert press(browser, "/admin/notices/undo", at=moment).status_code == 303
    assert re.search(r'class="count">2<', page(browser))


def test_an_empty_list_says_so(desk: Desk):
    browser = desk.signed_in("viewer")
    assert "Nothing new. You have seen everything." in page(browser)


def test_it_is_in_the_language_of_who_reads(desk: Desk):
    browser = desk.signed_in()
    desk.post_one("1")
    answer = browser.get("/admin/notices", headers={**BROWSER, "Accept-Language": "pt"})
    text = answer.text
    assert '<html lang="pt">' in text and "Novo pedido TKT-1" in text
    assert "Marcar como lido" in text and "Reparações" in text
    assert answer.headers["Content-Language"] == "pt"
    assert "Accept-Language" in answer.headers["Vary"]
    assert "/api/" not in re.search(r'<ul class="notices">.*?</ul>', text, re.S)[0]


@pytest.mark.parametrize(
    "path", ["/admin/notices/1/read", "/admin/notices/read-all", "/admin/notices/undo"]
)
def test_a_form_from_elsewhere_does_nothing(desk: Desk, path):
    browser = desk.signed_in()
    desk.post_one("1")
    assert browser.post(path, headers=BROWSER).status_code == 403
    assert browser.post(path, headers=BROWSER, data={"csrf_token": "x"}).status_code == 403
    assert desk.rows("SELECT count(*) FROM notice_reads")[0][0] == 0


def test_without_signing_in_there_is_nothing(desk: Desk):
    assert desk.app.test_client().get("/admin/notices", headers=BROWSER).status_code == 401


@pytest.mark.parametrize("device", HOSTILE)
def test_hostile_words_stay_words(desk: Desk, device):
    browser = desk.signed_in()
    with desk.parts.units() as uow:
        repair = builders.repair(uow, device="Pixel")
        customer = builders.customer(uow, name=device[:200])
        customer_id, repair_id = customer.id, repair.id
    desk.post_one("1", customer_id=customer_id, repair_id=repair_id)
    text = page(browser)
    assert "<script>alert" not in text and str(escape(device[:200])) in text


@pytest.mark.parametrize("query", [{"show": "x"}, {"undo": "x" * 5000}, {"undo": "<script>"},
                                   {"undo": "2026-01-01T00:00:00"}, {"cursor": "x"}])  # fmt: skip
def test_odd_addresses_open_the_list(desk: Desk, query):
    text = page(desk.signed_in(), **query)
    assert "<script>" not in text and 'name="at"' not in text


def test_a_page_of_many_goes_on(desk: Desk):
    browser = desk.signed_in()
    for number in range(27):
        desk.post_one(str(number))
    older = re.search(r'href="([^"]+cursor=[^"]+)"', page(browser))[1].replace("&amp;", "&")
    text = browser.get(older, headers=BROWSER).text
    assert "TKT-0<" in text and "TKT-1<" in text and "TKT-2<" not in text
