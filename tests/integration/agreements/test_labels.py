"""Labels say what they may and their codes open the right page; a device is found by its place."""

from __future__ import annotations

from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp

from crm.core.shop import Links
from tests import builders
from tests.service import ENVIRON

HOSTILE = [
    "x" * 255, "😀📱", "שלום עולם العربية", "<script>alert(1)</script>", "{{ 7*7 }}", "\u202eabc",
    "\n\n", "a\u0301" * 100, "漢字かな",
]  # fmt: skip


def read(content: bytes) -> tuple[list[str], str]:
    """What the QR codes of a PDF say, and its words."""
    pdf = pypdfium2.PdfDocument(content)
    codes, words = [], ""
    for page in pdf:
        codes += [code.text for code in zxingcpp.read_barcodes(page.render(scale=4).to_pil())]
        words += page.get_textpage().get_text_range() + "\n"
    return codes, words


@pytest.fixture
def put(desk, repair):
    def make(place, ref=repair):
        return desk("POST", f"/repairs/{ref}/place", json={"place": place})

    return make


def test_a_label_names_the_job_and_nobody(mendline, desk):
    with mendline.units() as uow:
        person = builders.customer(uow, name="Ilse Brandt")
        repair = builders.repair(uow, person.id, problem="Screen cracked")
        ref, received_on = repair.ref, repair.received_at.date().isoformat()
    answer = desk("GET", f"/repairs/{ref}/label.pdf")
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF-")
    assert answer.data == desk("GET", f"/repairs/{ref}/label.pdf").data
    (code,), words = read(answer.data)
    assert all(one in words for one in (ref, "Pixel 8", "Screen cracked", received_on))
    assert "Quay Phones" in words and "Ilse" not in words and "Ilse" not in code
    page = pypdfium2.PdfDocument(answer.data)[0]
    assert [round(side / 72 * 25.4) for side in page.get_size()] == [62, 29]

    followed = mendline.http.get(urlsplit(code).path)
    assert followed.status_code == 302 and "/track/" in followed.headers["Location"]
    tracked = mendline.http.get(urlsplit(followed.headers["Location"]).path)
    assert tracked.status_code == 200 and ref in tracked.text and "Ilse" not in tracked.text


def test_the_same_code_opens_the_job_for_staff(desk, repair, signed_in):
    (code,), _ = read(desk("GET", f"/repairs/{repair}/label.pdf").data)
    followed = signed_in.get(urlsplit(code).path)
    assert followed.headers["Location"] == f"/admin/repairs/{repair}"
    page = signed_in.get(followed.headers["Location"])
    assert page.status_code == 200 and "Screen cracked" in page.text


@pytest.mark.parametrize("token", ["x", "MQ.forged", "1"])
def test_a_code_cannot_be_guessed(mendline, repair, token):
    page = mendline.http.get(f"/r/{token}")
    assert page.status_code == 404 and "opens nothing" in page.text
    foreign = Links("", ("another-key",)).job(1)
    assert mendline.http.get(foreign).status_code == 404
    gone = Links("", (ENVIRON["SECRET_KEY"],)).job(10**6)
    assert mendline.http.get(gone).status_code == 404


@pytest.mark.parametrize("size", ["62x29", "a4"])
@pytest.mark.parametrize("words", HOSTILE)
def test_every_device_name_is_printed_somehow(desk, words, size):
    ref = desk("POST", "/repairs", json={"device": words, "problem": words * 5}).json["ref"]
    answer = desk("GET", f"/repairs/{ref}/label.pdf?size={size}&first=24")
    (code,), printed = read(answer.data)
    assert "/r/" in code and ref in printed


def test_a_sheet_of_a4_begins_where_it_is_told(desk, repair):
    first, last = (
        desk("GET", f"/repairs/{repair}/label.pdf?size=a4&first={place}").data for place in (1, 24)
    )
    assert first != last and read(first) == read(last)
    for query in ("size=a5", "first=0", "first=25", "first=x", "more=1"):
        assert desk("GET", f"/repairs/{repair}/label.pdf?{query}").status_code == 422


def test_a_shop_system_prints_its_own_labels_only(role, repair):
    till = role("shop")
    own = till("POST", "/repairs", json={"device": "Pixel 8", "external_id": "1"}).json["ref"]
    assert till("GET", f"/repairs/{own}/label.pdf").status_code == 200
    assert till("GET", f"/repairs/{repair}/label.pdf").status_code == 404
    assert till("GET", "/places/label.pdf?name=A").status_code == 403
    assert till("POST", f"/repairs/{own}/place", json={"place": "A"}).status_code == 403


def test_a_place_label_types_the_place(desk):
    (code,), words = read(desk("GET", "/places/label.pdf?name=Shelf%20A3").data)
    assert code == "Shelf A3" and "Shelf A3" in words
    for name in ("", "x" * 41, "%E2%80%AE", "a%00b"):
        assert desk("GET", f"/places/label.pdf?name={name}").status_code == 422


def test_where_is_it(mendline, desk, repair, put):
    other = desk("POST", "/repairs", json={"device": "iPad Air 100%"}).json["ref"]
    assert put("  Shelf   A3 ").json["place"] == "Shelf A3"
    assert put("Shelf A3").status_code == 200
    put("Bench 2", other)
    put("Shelf B1", other)

    def found(query: str) -> list[str]:
        return [one["ref"] for one in desk("GET", f"/repairs?{query}").json["data"]]

    assert found("place=Shelf A3") == [repair]
    assert found("q=shelf") == [other, repair]
    assert found("q=b1") == [other] and found("q=PIXEL") == [repair]
    assert found(f"q={repair.lower().replace('-', ' ')}") == [repair]
    assert found("q=100%25") == [other] and found("q=%25") == [other] and found("q=_") == []

    entries = desk("GET", f"/repairs/{other}/history").json["data"]
    moves = [(one["details"]["before"], one["details"]["after"]) for one in entries
             if one["outcome"] == "place"]  # fmt: skip
    assert moves == [(None, "Bench 2"), ("Bench 2", "Shelf B1")]
    assert {one["actor_name"] for one in entries if one["outcome"] == "place"} == {"a desk"}
    assert mendline.count("repair_history", "outcome = 'place'") == 3


@pytest.mark.parametrize("place", ["", "   ", "x" * 41, "\u202e", "a\0b", 7, None])
def test_places_that_do_not_fit(mendline, put, place):
    assert put(place).status_code == 422
    assert mendline.count("repairs", "place IS NOT NULL") == 0


@pytest.mark.parametrize("place", ["😀 shelf", "<b>A</b>", "{{ 7*7 }}", "מדף 3"])
def test_strange_places_are_words(signed_in, repair, put, place):
    assert put(place).json["place"] == place
    page = signed_in.get(f"/admin/repairs/{repair}").text
    assert "<b>A" not in page and "<dd>49" not in page
