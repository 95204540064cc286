"""Labels: words that fit, the same bytes each time, codes that scanners read."""

from __future__ import annotations

import pypdfium2
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.core.typeface import BOLD, ELLIPSIS, REGULAR, clean, fitted, width_of
from crm.labels.label import PLACES_A_SHEET, Label, Size
from crm.labels.sheets import render

URL = "https://repairs.harbour-phones.example/r/MTIzNDU2Nzg5.aVeryLongSignature_of-27-signs"
LABEL = Label(URL, "RPR-2611-7K3QD", ("Galaxy Tab S9 Ultra (SM-X916B)", "Glass ń ř ő €"), "Shop")


def pages(content: bytes, scale: float = 4) -> list:
    return [page.render(scale=scale).to_pil() for page in pypdfium2.PdfDocument(content)]


@pytest.mark.parametrize("size", Size)
def test_the_same_label_gives_the_same_bytes(size):
    assert render([LABEL], size, "t") == render([LABEL], size, "t")
    assert render([LABEL], size, "t") != render([Label(URL + "x", "A")], size, "t")


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("content", [URL, "A", "Shelf 3, left"])
def test_a_scanner_reads_the_code(size, content):
    (page,) = pages(render([Label(content, "X")], size, "t"))
    (code,) = zxingcpp.read_barcodes(page)
    assert code.text == content and code.format == zxingcpp.BarcodeFormat.QRCode


def test_a_module_is_wide_enough_for_a_cheap_printer():
    modules = len(list(segno.make(URL, error="m", micro=False).matrix))
    assert 25 / modules >= 0.5  # mm: four dots at 203 dpi


def test_many_labels_fill_pages_and_sheets():
    many = [Label(f"code {n}", f"N {n}") for n in range(30)]
    assert len(pages(render(many, Size.LABEL, "t"), 1)) == 30
    sheets = pages(render(many, Size.A4, "t", first=PLACES_A_SHEET), 3)
    read = [sorted(code.text for code in zxingcpp.read_barcodes(sheet)) for sheet in sheets]
    assert [len(one) for one in read] == [1, 24, 5]
    assert sorted(sum(read, [])) == sorted(one.code for one in many)


def test_a_reference_is_never_cut():
    for size in Size:
        document = pypdfium2.PdfDocument(render([LABEL], size, "t"))
        words = document[0].get_textpage().get_text_range()
        assert "RPR-2611-7K3QD" in words and "ń ř ő €" in words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n b\t c", "a b c"),
        ("x漢y", "x□y"),
        ("\u202eabc\x00", "abc"),
        ("e\u0301 ż", "é ż"),
        ("z" * 10_000, "z" * 300),
    ],
)
def test_only_signs_of_the_typeface_remain(text, shown):
    assert clean(text, REGULAR) == shown


@settings(deadline=None)
@given(st.text(max_size=400), st.integers(1, 3), st.floats(20, 200))
def test_lines_fit_whatever_the_words(text, lines, room):
    width = width_of(BOLD, 8)
    made = fitted(clean(text, BOLD), width, room, lines)
    assert len(made) <= lines
    assert all(width(line) <= room + 0.01 for line in made)


def test_words_are_kept_whole_where_they_can_be():
    width = width_of(REGULAR, 8)
    room = width("Galaxy Tab S9 ")
    assert fitted("Galaxy Tab S9 Ultra", width, room, 2) == ["Galaxy Tab S9", "Ultra"]
    assert fitted("Galaxy Tab S9 Ultra", width, room, 1)[0].endswith(ELLIPSIS)
    assert fitted("Galaxy Tab S9", width, room, 1) == ["Galaxy Tab S9"]
    assert fitted("", width, room, 2) == [] and fitted("a", width, room, 0) == []
