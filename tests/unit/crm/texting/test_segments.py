"""How many segments a text is billed as."""

from __future__ import annotations

import pytest

from crm.texting.segments import GSM, UCS, counted, plain


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        # 153 is odd: the escape pair that would be cut moves on, and 153 pairs need three.
        ("€" * 152, GSM, 304, 2),
        ("€" * 153, GSM, 306, 3),
        ("^{}\\[~]|\f", GSM, 18, 1),
        ("Ñandú", UCS, 5, 1),
        ("Ñandù Ç à", GSM, 9, 1),
        ("ç" * 70, UCS, 70, 1),
        ("ç" * 71, UCS, 71, 2),
        ("ç" * 134, UCS, 134, 2),
        ("ç" * 135, UCS, 135, 3),
        ("😀" * 35, UCS, 70, 1),
        ("😀" * 36, UCS, 72, 2),
        # 67 is odd too: 33 in each.
        ("😀" * 66, UCS, 132, 2),
        ("😀" * 67, UCS, 134, 3),
        ("a" * 159 + "😀", UCS, 161, 3),
        ("مرحبا", UCS, 5, 1),
        ("`", UCS, 1, 1),
        ("\r\n", GSM, 2, 1),
        ("a" * 10_000, GSM, 10_000, 66),
    ],
)
def test_counting(text: str, encoding: str, units: int, segments: int):
    found = counted(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("it’s “ready” – come…", 'it\'s "ready" - come...'),
        ("20,00\u00a0€", "20,00 €"),
        ("não… está", "não… está"),
        ("plain", "plain"),
    ],
)
def test_typographic_signs_cost_no_alphabet(text: str, twin: str):
    assert plain(text) == twin
