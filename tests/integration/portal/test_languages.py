"""A page speaks the language chosen by hand, else that of the customer it is for, else the browser's."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from crm.core.shop import Links
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from tests.integration.notices.conftest import BROWSER
from tests.integration.portal.conftest import Portal, page, token

ENGLISH = BROWSER | {"Accept-Language": "en-GB"}

LINKS: dict[str, Callable[[Links, Repair], str]] = {
    "wishes": lambda links, repair: links.preferences(repair.customer_id, repair.received_at),
    "unsubscribe": lambda links, repair: (
        links.preferences(repair.customer_id, repair.received_at) + "/unsubscribe"
    ),
    "survey": lambda links, repair: links.survey(repair.id, repair.received_at),
    "track": lambda links, repair: links.track(repair.id, repair.received_at),
    "pay": lambda links, repair: links.pay(repair.id, repair.received_at),
}


@pytest.fixture
def customer(portal: Portal) -> int:
    """Speaks Portuguese; their browser asks for English."""
    number = portal.customer()
    with portal.parts.units() as uow:
        speaks(uow, number, "pt-PT")
    return number


def speaks(uow: UnitOfWork, customer_id: int, locale: str | None) -> None:
    uow.session.execute(
        text("UPDATE customers SET locale = :locale WHERE id = :id"),
        {"locale": locale, "id": customer_id},
    )


def test_the_portal_speaks_as_its_messages_do(portal: Portal, customer: int):
    browser = portal.signed_in()
    shown = browser.get("/me", headers=ENGLISH)
    assert shown.headers["Content-Language"] == "pt" and "As minhas reparações" in shown.text
    assert "/preferences/" in shown.text and "Alterar o que lhe enviamos" in shown.text
    assert "My repairs" in browser.get("/me?lang=en", headers=ENGLISH).text
    assert "My repairs" in portal.browser().get("/me", headers=ENGLISH).text


def test_the_portal_leads_to_the_wishes(portal: Portal, customer: int):
    link = page(portal.signed_in()).partition("/preferences/")[2].partition('"')[0]
    shown = portal.browser().get(f"/preferences/{link}", headers=ENGLISH)
    assert shown.status_code == 200 and "O que lhe enviamos" in shown.text


@pytest.mark.parametrize("kind", LINKS)
def test_a_page_behind_a_link_speaks_to_whom_it_was_given(portal: Portal, customer: int, kind: str):
    ref = portal.repair(customer)
    with portal.parts.units() as uow:
        repair = uow.session.query(Repair).filter_by(ref=ref).one()
        path = urlsplit(LINKS[kind](portal.parts.shop.links, repair)).path

    def spoken(query: str = "") -> str:
        answer = portal.browser().get(path + query, headers=ENGLISH)
        assert answer.status_code == 200 and answer.headers["Content-Language"] in answer.text
        return answer.headers["Content-Language"]

    assert (spoken(), spoken("?lang=en")) == ("pt", "en")
    with portal.parts.units() as uow:
        speaks(uow, customer, "de")
    # Nothing is written in that language: the shop's comes before an odd one, the browser's first.
    assert spoken() == "en"


def test_a_refused_form_says_so_in_their_language_and_leads_back(portal: Portal, customer: int):
    browser = portal.signed_in()
    assert token(page(browser))
    headers = ENGLISH | {"Accept": "text/html", "Referer": "http://localhost/me?cursor=x"}
    refused = browser.post("/me/seen", headers=headers, data={"csrf_token": "x"})
    assert refused.status_code == 403 and "Este formulário já não é válido" in refused.text
    assert '<a class="button" href="http://localhost/me?cursor=x">Voltar</a>' in refused.text
    assert 'href="/">Ir para a página inicial</a>' in refused.text


@pytest.mark.parametrize(
    "referer", ["https://evil.example/me", "http://localhost.evil.example/", "javascript:alert(1)", "", "//x",
                "http://localhost/nothing", "http://localhost:81/", "http://[", '"><script>'],
)  # fmt: skip
def test_the_way_back_leads_to_no_other_site_and_not_in_a_circle(portal: Portal, referer: str):
    headers = ENGLISH | {"Accept": "text/html", "Referer": referer}
    answer = portal.browser().get("/nothing", headers=headers)
    assert answer.status_code == 404 and 'class="button"' not in answer.text
    assert "To the start page" in answer.text and "<script>" not in answer.text
