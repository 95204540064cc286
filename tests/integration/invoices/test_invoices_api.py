"""Invoices over the API: issued, shown, credited, opened by link, and never changed."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta

import pypdfium2
import pytest

from crm.privacy import erasing
from tests import builders
from tests.integration.invoices.conftest import FACTS, LINE

HOSTILE = ["x" * 10_000, "‮evil", "😀" * 50, "<script>alert(1)</script>", "{{7*7}}", "a\x00b"]


def issue(call, repair, *lines, **more):
    return call(
        "POST",
        "/invoices",
        json={"repair": repair, "lines": list(lines) or [LINE], "is_additional": True, **more},
    )


def words(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    return "\n".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.usefixtures("registered")
def test_an_invoice_equals_its_lines(desk, repair):
    found = issue(desk, repair, LINE, {"label": "Kind", "unit_minor": -2000, "kind": "discount"})
    assert found.status_code == 201, found.json
    told = found.json
    assert told["number"].startswith("INV-20") and told["number"].endswith("-000001")
    assert (told["total_minor"], told["tax_minor"], told["net_minor"]) == (10000, 1667, 8333)
    assert told["form"] == "simplified" and told["repair"] == repair
    assert told["seller"]["vat_number"] == FACTS["vat_number"]
    assert desk("GET", f"/invoices/{told['number'].lower()}").json == told
    listed = desk("GET", f"/invoices?repair={repair}&kind=invoice").json["data"]
    assert [one["number"] for one in listed] == [told["number"]]
    assert desk("GET", "/invoices?to=2020-01-01").json["data"] == []


def test_one_repair_is_invoiced_in_the_currency_it_is_paid_in(desk, repair):
    paid = {"repair": repair, "method": "cash", "amount_minor": 500, "currency": "GBP"}
    assert desk("POST", "/payments", json=paid).status_code == 201
    refused = issue(desk, repair, currency="EUR")
    assert (refused.status_code, refused.json["code"]) == (409, "other-currency")
    assert issue(desk, repair).json["number"].endswith("-000001")


@pytest.mark.usefixtures("registered")
def test_the_form_follows_the_amount_and_the_wish(desk, repair):
    asked = {"name": "Brandt & Co", "address": ["1 High Street"], "vat_number": "GB9"}
    assert issue(desk, repair, LINE | {"unit_minor": 25000}).json["form"] == "simplified"
    assert issue(desk, repair, LINE | {"unit_minor": 25001}).json["form"] == "full"
    full = issue(desk, repair, buyer=asked).json
    assert full["form"] == "full" and full["buyer"] == asked
    text = words(desk("GET", f"/invoices/{full['number']}.pdf").data)
    for part in ("Brandt & Co", "1 High Street", "GB9", "£100.00", "£20.00", "20%", "Net",
                 FACTS["legal_name"], FACTS["vat_number"], FACTS["bank"], full["number"]):  # fmt: skip
        assert part in text, part


def test_a_company_without_vat_number_charges_none(desk, manager, repair):
    assert manager("GET", "/company").json["vat"] == "unknown"
    kept = issue(desk, repair).json
    assert "VAT" not in words(desk("GET", f"/invoices/{kept['number']}.pdf").data)
    manager("PUT", "/company", json=FACTS | {"vat_number": None})
    told = issue(desk, repair).json
    assert (told["total_minor"], told["tax_minor"]) == (12000, 0)
    text = words(desk("GET", f"/invoices/{told['number']}.pdf").data)
    assert "Not VAT registered" in text and "VAT rate" not in text and "20%" not in text


@pytest.mark.usefixtures("registered")
def test_what_is_issued_keeps_the_facts_of_its_day(desk, manager, repair):
    number = issue(desk, repair).json["number"]
    manager("PUT", "/company", json=FACTS | {"legal_name": "Other Limited", "prefix": "OTH"})
    assert desk("GET", f"/invoices/{number}").json["seller"]["legal_name"] == FACTS["legal_name"]
    assert "Other Limited" not in words(desk("GET", f"/invoices/{number}.pdf").data)
    assert issue(desk, repair).json["number"].startswith("OTH-")


@pytest.mark.usefixtures("registered")
def test_margin_goods_show_no_tax(desk, repair):
    told = issue(desk, repair, LINE | {"unit_minor": 30000, "tax": "margin"}).json
    assert told["tax_minor"] == 0
    text = words(desk("GET", f"/invoices/{told['number']}.pdf").data)
    assert "Second-hand goods – margin scheme" in text and "0%" not in text


@pytest.mark.usefixtures("registered")
def test_a_credit_note_never_gives_back_more(desk, manager, repair):
    number = issue(desk, repair, LINE | {"quantity": 2}).json["number"]

    def credit(call, line, amount):
        body = {"lines": [{"line": line, "amount_minor": amount}], "reason": "scratched"}
        return call("POST", f"/invoices/{number}/credit-notes", json=body)

    assert credit(desk, 0, 100).status_code == 403
    note = credit(manager, 0, 10001)
    assert note.status_code == 201, note.json
    assert note.json["number"].startswith("CRN-") and note.json["corrects"] == number
    text = words(manager("GET", f"/invoices/{note.json['number']}.pdf").data)
    assert f"Corrects invoice {number}" in text and "scratched" in text
    over = credit(manager, 0, 14000)
    assert (over.status_code, over.json["code"]) == (409, "over-credited")
    assert credit(manager, 1, 1).status_code == 422
    assert credit(manager, 0, 0).status_code == credit(manager, 0, -5).status_code == 422
    rest = credit(manager, 0, 13999).json
    assert note.json["tax_minor"] + rest["tax_minor"] == 4000
    whole = manager("GET", f"/invoices/{number}").json
    assert whole["lines"][0]["credited_minor"] == 24000
    assert whole["credit_notes"] == [note.json["number"], rest["number"]]
    note_of_note = f"/invoices/{rest['number']}/credit-notes"
    body = {"lines": [{"line": 0, "amount_minor": 1}], "reason": "x"}
    assert manager("POST", note_of_note, json=body).status_code == 404


@pytest.mark.usefixtures("registered")
def test_a_discount_is_not_given_back_as_money(desk, manager, repair):
    """What was taken off is not credited, though its line alone would allow it."""
    off = {"label": "Off", "unit_minor": -4000, "kind": "discount"}
    number = issue(desk, repair, LINE, off).json["number"]
    path = f"/invoices/{number}/credit-notes"
    whole = {"lines": [{"line": 0, "amount_minor": 12000}], "reason": "x"}
    assert manager("POST", path, json=whole).json["code"] == "over-credited"
    whole["lines"].append({"line": 1, "amount_minor": -4000})
    assert manager("POST", path, json=whole).json["total_minor"] == 8000


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_nothing_changes_an_invoice(manager, desk, repair, method):
    number = issue(desk, repair).json["number"]
    before = desk("GET", f"/invoices/{number}").json
    assert manager(method, f"/invoices/{number}", json={"note": "x"}).status_code == 405
    assert desk("GET", f"/invoices/{number}").json == before


@pytest.mark.usefixtures("registered")
def test_the_link_opens_the_very_same_pdf(desk, repair, mendline):
    told = issue(desk, repair).json
    by_api = desk("GET", f"/invoices/{told['number']}.pdf").data
    path = "/" + told["url"].split("/", 3)[3]
    found = mendline.http.get(path)
    assert found.status_code == 200 and found.data == by_api and found.data.startswith(b"%PDF")
    headers = found.headers
    assert headers["Content-Type"] == "application/pdf"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Disposition"] == f'inline; filename="{told["number"]}.pdf"'
    saved = mendline.http.get(path + "?download")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    stored = mendline.one("SELECT sha256 FROM invoice_files")
    assert stored == hashlib.sha256(found.data).hexdigest()


@pytest.mark.parametrize("token", ["x", "WzEsMV0.forged", "..", "%00", "a" * 5000])
def test_a_wrong_link_opens_nothing(mendline, token):
    found = mendline.http.get(f"/invoices/{token}.pdf?lang=pt")
    assert found.status_code == 404 and "Location" not in found.headers
    if "%" not in token and token != "..":
        assert found.headers["Content-Language"] == "pt"


def test_a_link_ends(mendline, desk, repair, registered):
    told = issue(desk, repair).json
    links, token = mendline.parts.shop.links, told["url"].rsplit("/", 1)[1].removesuffix(".pdf")
    with mendline.units() as uow:
        now = uow.now
    assert links.read_invoice(token, now + timedelta(days=399)) is not None
    assert links.read_invoice(token, now + timedelta(days=401)) is None
    assert links.read_track(token, now) is None


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words(desk, manager, repair, text):
    found = issue(desk, repair, LINE | {"label": text}, note=text[:1000], buyer={"name": text})
    is_storable = "\x00" not in text and len(text) <= 200
    assert found.status_code == (201 if is_storable else 422)
    if is_storable:
        assert found.json["lines"][0]["label"] == text
        assert desk("GET", f"/invoices/{found.json['number']}.pdf").status_code == 200
    assert manager("PUT", "/company", json=FACTS | {"legal_name": text}).status_code == (
        200 if is_storable else 422
    )


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [LINE] * 201},
        {"lines": [LINE | {"unit_minor": -1}]},
        {"lines": [LINE | {"unit_minor": 1.5}]},
        {"lines": [LINE | {"quantity": 0}]},
        {"lines": [LINE | {"tax": "none"}]},
        {"lines": [LINE | {"kind": "discount"}]},
        {"lines": [LINE | {"unit_minor": 100_000_000_00, "quantity": 2}]},
        {"lines": [LINE, {"label": "Off", "unit_minor": -12001, "kind": "discount"}]},
        {"currency": "ZZZ"},
        {"due_on": "2001-01-01"},
        {"customer": "CUS-1"},
        {"total_minor": 1},
    ],
)
def test_what_is_refused(desk, repair, change):
    body = {"repair": repair, "lines": [LINE]} | change
    found = desk("POST", "/invoices", json=body)
    assert found.status_code == 422, found.json
    assert desk("GET", "/invoices").json["data"] == []


@pytest.mark.parametrize("number", ["INV-2026-000009", "%00", "%F0%9F%98%80", "x" * 40, "INV"])
def test_no_such_document(desk, manager, number):
    assert desk("GET", f"/invoices/{number}").status_code == 404
    assert desk("GET", f"/invoices/{number}.pdf").status_code == 404
    body = {"lines": [{"line": 0, "amount_minor": 1}], "reason": "x"}
    path = f"/invoices/{number}/credit-notes"
    assert manager("POST", path, json=body).status_code == 404


def test_who_may_what(role, repair, desk):
    number = issue(desk, repair).json["number"]
    assert role("viewer")("GET", f"/invoices/{number}").status_code == 200
    assert issue(role("technician"), repair).status_code == 403
    assert role("shop")("GET", f"/invoices/{number}").status_code == 403
    assert desk("PUT", "/company", json=FACTS).status_code == 403
    for prefix in ("CRN", "inv", "1NV", "I"):
        body = FACTS | {"prefix": prefix}
        assert role("manager")("PUT", "/company", json=body).status_code == 422


def test_an_invoice_outlives_whom_it_names(mendline, role, manager, registered):
    """Merged and erased, the person is gone from everywhere but the document."""
    with mendline.units() as uow:
        kept, other = builders.customer(uow), builders.customer(uow, name="Ole Lund")
    body = {"customer": other.ref, "lines": [LINE]}
    told = manager("POST", "/invoices", json=body).json
    manager("GET", f"/invoices/{told['number']}.pdf")
    merged = manager("POST", f"/customers/{kept.ref}/merge", json={"merge": other.ref})
    assert merged.status_code in (200, 201), merged.json
    assert manager("GET", f"/invoices/{told['number']}").json["customer"] == kept.ref
    with mendline.units() as uow:
        erased = erasing.erase(uow, kept.ref, builders.STAFF)
    assert any("1 invoices" in one for one in erased.kept)
    after = manager("GET", f"/invoices/{told['number']}").json
    assert after["customer"] is None and after["buyer"]["name"] == "Ole Lund"
    assert after["digest"] == told["digest"]
    assert manager("GET", f"/invoices/{told['number']}.pdf").status_code == 200


def test_a_second_invoice_of_a_repair_is_meant(desk, repair):
    body = {"repair": repair, "lines": [LINE]}
    first = desk("POST", "/invoices", json=body)
    assert first.status_code == 201
    again = desk("POST", "/invoices", json=body)
    assert (again.status_code, again.json["code"]) == (409, "already-invoiced")
    assert first.json["number"] in again.json["detail"]
    assert desk("POST", "/invoices", json=body | {"is_additional": True}).status_code == 201
