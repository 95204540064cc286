"""Words on paper: only signs the typeface has, broken into lines, shortened with an ellipsis.

Right-to-left words are drawn sign by sign as they are stored, neither joined nor turned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONTS = Path(__file__).parent / "fonts"
REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MISSING, ELLIPSIS = "□", "…"
MOST_SIGNS = 300  # one line shows no more, however long the text is

Width = Callable[[str], float]


@cache
def _font(name: str) -> TTFont:
    font = TTFont(name, FONTS / f"{name}.ttf")
    pdfmetrics.registerFont(font)
    return font


def clean(text: str, font: str, most: int = MOST_SIGNS) -> str:
    """One line of signs the font can draw; a box stands for any other. most: signs that are read."""
    glyphs = _font(font).face.charToGlyph
    signs = unicodedata.normalize("NFC", " ".join(text[:most].split()))
    return "".join(
        sign if ord(sign) in glyphs else MISSING
        for sign in signs
        if unicodedata.category(sign)[0] != "C" and unicodedata.category(sign) != "Mn"
    )


def width_of(font: str, size: float) -> Width:
    """size: in points; so is the width."""
    _font(font)
    return lambda text: pdfmetrics.stringWidth(text, font, size)


def fitted(text: str, width: Width, room: float, lines: int) -> list[str]:
    """At most `lines` lines of at most `room` points; what is left out leaves an ellipsis."""
    made: list[str] = []
    rest = text.strip()
    while rest and len(made) < lines:
        if width(rest) <= room:
            made.append(rest)
            break
        if len(made) == lines - 1:
            made.append(_head(rest, width, room - width(ELLIPSIS)).rstrip() + ELLIPSIS)
            break
        head = _head(rest, width, room) or rest[0]
        blank = head.rfind(" ")
        if blank > 0 and not rest[len(head)].isspace():
            head = head[:blank]
        made.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return made


def _head(text: str, width: Width, room: float) -> str:
    """The longest beginning that fits."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low]
