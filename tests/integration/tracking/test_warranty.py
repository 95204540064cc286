"""Under warranty: what the page of a delivered repair shows, and a problem that is reported on it."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from babel.dates import format_date

from crm.core.events import SYSTEM
from crm.repairs.service import Address
from crm.warranties import service as warranties
from crm.warranties.models import WarrantyLine
from tests.integration.tracking.conftest import Tracked
from tests.integration.tracking.test_writing import number, talked_about  # noqa: F401
from tests.service import Service

REPORT = "Report a problem under warranty"
KEPT = (
    "SELECT body || '|' || coalesce(details->>'warranty_claim', '-') FROM ticket_messages "
    "WHERE details->>'via' = 'tracking_page' ORDER BY id"
)


@pytest.fixture
def covered(mendline: Service, talked_about: Tracked) -> Tracked:  # noqa: F811
    talked_about.move("delivered")
    mendline.settle()
    return talked_about


def ends(tracked: Tracked, work: int | None, part: int | None) -> None:
    """The warranty ends so many days from today."""
    today = datetime.now(UTC).date()
    with tracked.service.units() as uow:
        for line in uow.session.query(WarrantyLine):
            line.work_until = today + timedelta(days=work) if work is not None else None
            line.part_until = today + timedelta(days=part) if part is not None else None


def report(tracked: Tracked, text: str = "It is dark again", form: str = "f1", **form_fields):
    data = {"text": text, "form": form, "about": "warranty", **form_fields}
    return tracked.service.http.post(tracked.path, data=data)


def test_it_shows_until_when_what_is_covered(covered: Tracked):
    ends(covered, 40, 400)
    page = html.unescape(covered.page())
    for words, days in (("Work until", 40), ("Part until", 400)):
        day = datetime.now(UTC).date() + timedelta(days=days)
        assert f"{words} {format_date(day, 'long', locale='en_GB')}" in page
    assert REPORT in page and 'name="about"' not in page

    ends(covered, -1, 400)
    page = covered.page()
    assert "Part until" in page and "Work until" not in page

    portuguese = covered.page(lang="pt")
    assert "Comunicar um problema ao abrigo da garantia" in portuguese
    assert "Peça até" in portuguese and "Reparação" in portuguese


def test_the_link_leads_to_a_form_that_works_without_script(mendline, covered, number):  # noqa: F811
    href = html.unescape(re.search(r'id="claim" href="([^"]+)"', covered.page())[1])
    form = mendline.http.get(href).text
    assert '<input type="hidden" name="about" value="warranty">' in form
    assert "What is wrong, and since when?" in form

    answer = report(covered)
    assert answer.status_code == 303
    again = report(covered)
    assert "Your message has arrived" in mendline.http.get(again.location).text
    mendline.settle()
    assert mendline.column(KEPT) == ['Warranty claim: It is dark again|["repair"]']
    (note,) = [one for one in mendline.notes(number) if "dark again" in one]
    assert "Warranty claim" in note and covered.ref in note
    assert not any("dark again" in one for one in mendline.told(number))
    assert covered.repair().status == "delivered"


def test_in_portuguese_it_is_marked_in_portuguese(mendline, covered):
    answer = mendline.http.post(
        f"{covered.path}?lang=pt", data={"text": "Escuro", "form": "f1", "about": "warranty"}
    )
    assert answer.status_code == 303
    assert mendline.column(KEPT) == ['Reclamação ao abrigo da garantia: Escuro|["repair"]']


def test_what_is_missing_is_asked_for_in_the_same_form(covered):
    answer = report(covered, "  ")
    assert answer.status_code == 422
    assert "Write a few words first" in answer.text and 'name="about"' in answer.text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "📱‮שלום", "!status x"]
)
def test_hostile_words_are_words(mendline, covered, text):
    assert report(covered, text).status_code == 303
    mendline.settle()
    assert mendline.column(KEPT) == [f'Warranty claim: {text}|["repair"]']
    assert "<script>alert" not in report(covered, text + "x" * 10_000).text


def test_before_the_handing_over_there_is_none(mendline, talked_about):  # noqa: F811
    page = talked_about.page(about="warranty")
    assert REPORT not in page and '<h2 id="warranty"' not in page
    report(talked_about)
    assert mendline.column(KEPT) == ["It is dark again|-"]


def test_once_it_is_over_the_words_arrive_unmarked(mendline, covered):
    ends(covered, -40, -3)
    page = covered.page(about="warranty")
    assert "The warranty ended on" in page and REPORT not in page
    assert report(covered).status_code == 303
    assert mendline.column(KEPT) == ["It is dark again|-"]


def test_nothing_is_said_where_nothing_was_warranted(covered):
    ends(covered, None, None)
    assert "arranty" not in covered.page()


def test_rework_shows_the_first_repairs_warranty(mendline, covered):
    ends(covered, 5, 6)
    with mendline.units() as uow:
        today = datetime.now(UTC).date()
        again = warranties.come_back(uow, Address(ref=covered.ref), [], "dark", SYSTEM, today)
        path = urlsplit(mendline.parts.shop.links.track(again.id, again.received_at)).path
        ref = again.ref
    assert REPORT not in mendline.http.get(path).text
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE repairs SET status = 'delivered' WHERE ref = %s", (ref,)
        )
    assert REPORT in mendline.http.get(path).text


def test_without_anybody_known_it_is_marked_in_the_history(mendline, tracked):
    tracked.move("delivered")
    report(tracked)
    report(tracked)
    kept = (
        "SELECT internal_note || (details->>'warranty_claim') FROM repair_history "
        "WHERE details ? 'warranty_claim'"
    )
    assert mendline.column(kept) == ['Warranty claim: It is dark again["repair"]']
