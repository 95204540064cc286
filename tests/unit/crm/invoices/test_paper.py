"""The paper: the same bytes each time, its own letters, nothing cut and nothing on top of another."""

from __future__ import annotations

import io
from dataclasses import asdict

import pypdfium2
import pytest

from crm.core.money import Line, Totals, totals
from crm.invoices import content
from crm.invoices.company import Facts
from crm.invoices.content import Buyer
from crm.invoices.paper import render
from crm.invoices.sheets import turned

SELLER = Facts("Harbour Phones Limited", ("12 Quay Street",), "GB123", "0123", "Account 123")
SCREEN = Line("Screen", 12000, "standard", 2000)


def told(*lines: Line, **more) -> dict:
    lines = lines or (SCREEN,)
    return {
        "number": "INV-2026-000001", "kind": "invoice", "form": "full", "vat": "registered",
        "country": "GB", "locale": "en", "currency": "GBP", "issued_on": "2026-11-21",
        "supplied_on": "2026-11-20", "due_on": None, "seller": content.plain(SELLER),
        "buyer": content.plain(Buyer("Ilse Brandt")),
        "repair": {"ref": "RPR-2611-7K3QD", "device": "Pixel 8"},
        "lines": [asdict(line) for line in lines], "totals": content.plain(totals(lines)),
        "notes": [],
    } | more  # fmt: skip


def corrects(**more) -> dict:
    return told(kind="credit_note", number="CRN-2026-000001", corrects={
        "number": "INV-2026-000001", "issued_on": "2026-11-20", "lines": [0], "reason": "scratched",
    }, **more)  # fmt: skip


def receipt(**more) -> dict:
    return told(kind="receipt", number="RCT-2026-000001", supplied_on=None, lines=[],
                totals=content.plain(Totals(500, 0, 500, ())),
                payment={"ref": "PAY-2611-A", "method": "cash", "on": "2026-11-21"},
                **more)  # fmt: skip


def read(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    return [page.get_textpage().get_text_range() for page in document]


@pytest.mark.parametrize("one", [told(), corrects(), receipt(), told(locale="pt", currency="EUR")])
def test_the_same_document_gives_the_same_bytes(one):
    pdf = render(one)
    assert render(told(Line("other", 5, "zero", 0))) != pdf == render(one)
    assert b"/FontFile2" in pdf and b"DejaVuSans" in pdf
    page = pypdfium2.PdfDocument(io.BytesIO(pdf))[0]
    assert [round(side) for side in page.get_size()] == [595, 842]


@pytest.mark.parametrize(
    ("one", "parts"),
    [
        (
            told(),
            ["Invoice", "20 November 2026", "Total incl. VAT", "£120.00", "£100.00", "£20.00"],
        ),
        (told(form="simplified"), ["Simplified invoice", "20%", "£120.00"]),
        (corrects(), ["Credit note", "Corrects invoice INV-2026-000001", "Total credited"]),
        (receipt(), ["Receipt", "PAY-2611-A", "Cash", "£5.00"]),
        (
            told(locale="pt", currency="EUR"),
            ["Fatura", "20 de novembro de 2026", "120,00 €", "IVA"],
        ),
        (corrects(locale="pt"), ["Nota de crédito", "Retifica a fatura", "Motivo"]),
        (receipt(locale="pt"), ["Recibo", "Numerário"]),
    ],
)
def test_what_it_says(one, parts):
    (page,) = read(render(one))
    for part in parts:
        assert part in page, part


def test_no_tax_is_shown_where_none_may_be():
    for vat in ("unregistered", "unknown"):
        (page,) = read(render(told(vat=vat)))
        assert "VAT" not in page and "20%" not in page and "£120.00" in page
    (page,) = read(render(told(form="simplified")))
    assert "£100.00" not in page and "£20.00" not in page


def test_two_hundred_lines_go_over_pages():
    names = ["x" * 200, "a longer name " * 14, "שלום עולם", "مرحبا", "😀 <script>{{", ""]
    lines = [Line(f"{n} {names[n % 6]}", 1234567 + n, "standard", 2000, n + 1) for n in range(200)]
    one = told(
        *lines, notes=["note " * 200], buyer=content.plain(Buyer("N" * 200, ("x" * 100,) * 6))
    )
    pdf = render(one)
    pages = read(pdf)
    total = f"£{totals(lines).gross_minor / 100:,.2f}"
    assert total in "".join(pages[-2:]) and len(pages) > 5
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} / {len(pages)}" in page and "INV-2026-000001" in page
    assert all("Description" in page for page in pages if "20%" in page)
    whole = "\n".join(pages)
    for line in lines:
        assert f"£{line.gross_minor / 100:,.2f}" in whole
    assert whole.replace("\r\n", "").count("x" * 30) >= 34 * 5


def test_nothing_is_drawn_on_top_of_another():
    """Boxes of the words' lines, as they stand on the paper, are apart."""
    lines = [Line("Wide and long " * 14, 9_999_999_99, "standard", 2000, 9) for _ in range(30)]
    one = told(*lines, repair={"ref": "RPR-2611-7K3QD", "device": "D" * 255},
               buyer=content.plain(Buyer("N" * 200, ("x" * 100,) * 6, "V" * 30)),
               seller=content.plain(Facts("L" * 200, ("a" * 100,) * 6, "V" * 30, "C" * 30,
                                          "B" * 200)), currency="IDR")  # fmt: skip
    for page in pypdfium2.PdfDocument(io.BytesIO(render(one))):
        text = page.get_textpage()
        boxes = [text.get_rect(n) for n in range(text.count_rects())]
        for n, (left, bottom, right, top) in enumerate(boxes):
            assert left > 40 and right < 555 and bottom > 20
            for other in boxes[n + 1 :]:
                across = min(right, other[2]) - max(left, other[0])
                down = min(top, other[3]) - max(bottom, other[1])
                assert across < 1 or down < 2, (boxes[n], other)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("abc", "abc"),
        ("שלום", "םולש"),
        ("Anna שלום עולם 12", "Anna םלוע םולש 12"),
        ("", ""),
    ],
)
def test_right_to_left_words_are_turned(words, shown):
    assert turned(words) == shown
