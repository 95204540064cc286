"""Pages of a document: pieces one below the other, broken into pages, and a foot on each.

What the pieces say is `paper.py`'s.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from crm.core.typeface import BOLD, REGULAR, clean, fitted, width_of

WIDTH, HEIGHT = A4
LEFT, RIGHT = 18 * mm, WIDTH - 18 * mm
TOP, FOOT = HEIGHT - 18 * mm, 20 * mm
COLUMN = 82 * mm  # each half of the head
LEADING = 1.3
BLACK, GREY = 0.1, 0.4
_SMALLEST = 5.0
_LONGEST = 4000  # signs of one text that are looked at


class Pen:
    """Writes on the present page. Places are in points, `top` is the upper edge of the words."""

    def __init__(self, canvas: Canvas):
        self._canvas = canvas

    def write(
        self,
        words: str,
        x: float,
        top: float,
        size: float,
        *,
        bold: bool = False,
        grey: bool = False,
    ) -> None:
        """One line of words that were fitted."""
        self._ready(size, bold, grey)
        shown = clean(words, BOLD if bold else REGULAR, _LONGEST)
        self._canvas.drawString(x, top - size, turned(shown))

    def write_to(
        self, words: str, right: float, top: float, size: float, room: float, *,
        bold: bool = False, grey: bool = False,
    ) -> None:  # fmt: skip
        """Ends at `right`; smaller when it would be wider than `room`: a number is never cut."""
        font = BOLD if bold else REGULAR
        shown = clean(words, font)
        wide = width_of(font, size)(shown)
        fit = max(_SMALLEST, size * min(1.0, room / max(wide, 1)))
        self._ready(fit, bold, grey)
        self._canvas.drawRightString(right, top - size, turned(shown))

    def rule(self, top: float, *, left: float = LEFT, strong: bool = False) -> None:
        self._canvas.setLineWidth(0.9 if strong else 0.4)
        self._canvas.setStrokeGray(BLACK if strong else 0.75)
        self._canvas.line(left, top, RIGHT, top)

    def _ready(self, size: float, bold: bool, grey: bool) -> None:
        self._canvas.setFillGray(GREY if grey else BLACK)
        self._canvas.setFont(BOLD if bold else REGULAR, size)


Draw = Callable[[Pen, float], None]
Words = tuple[str, float, bool, bool]  # words, size, bold, grey


@dataclass(frozen=True)
class Piece:
    """draw: gets the pen and its upper edge. also: room it wants below itself on the same page.

    again: stands above it when a page begins with it.
    """

    height: float
    draw: Draw
    also: float = 0
    again: Piece | None = None


_RIGHT_TO_LEFT = ("R", "AL")
_BETWEEN = (*_RIGHT_TO_LEFT, "WS", "ON", "CS", "ES")


def turned(words: str) -> str:
    """A line as it is read: right-to-left words in their order, though their signs are not joined."""
    kinds = [unicodedata.bidirectional(sign) for sign in words]
    made, position = "", 0
    while position < len(words):
        end = position
        while end < len(words) and kinds[position] in _RIGHT_TO_LEFT and kinds[end] in _BETWEEN:
            end += 1
        while end > position and kinds[end - 1] not in _RIGHT_TO_LEFT:
            end -= 1
        end = max(end, position + 1)
        made += words[position:end][::-1]
        position = end
    return made


def wrapped(text: str, size: float, room: float, lines: int, *, bold: bool = False) -> list[str]:
    """The text in lines that fit; what does not fit the last one leaves an ellipsis."""
    font = BOLD if bold else REGULAR
    return fitted(clean(text, font, _LONGEST), width_of(font, size), room, lines)


def in_column(
    text: str, size: float, *, bold: bool = False, grey: bool = False, most: int = 3
) -> list[Words]:
    """Fitted to one half of the paper."""
    return [(line, size, bold, grey) for line in wrapped(text, size, COLUMN, most, bold=bold)]


def height(lines: list[Words]) -> float:
    return sum(size * LEADING for _, size, _, _ in lines)


def draw_column(pen: Pen, lines: list[Words], x: float, top: float) -> None:
    for words, size, bold, grey in lines:
        pen.write(words, x, top, size, bold=bold, grey=grey)
        top -= size * LEADING


def paragraph(text: str, size: float, *, grey: bool = False) -> Iterator[Piece]:
    """A piece for each line, so that pages may end between them."""
    for line in wrapped(text, size, RIGHT - LEFT, 80):
        yield Piece(
            size * LEADING,
            lambda pen, top, line=line: pen.write(line, LEFT, top, size, grey=grey),
        )


def gap(height: float) -> Piece:
    return Piece(height, lambda pen, top: None)


def bound(
    pieces: Sequence[Piece], title: str, author: str, foot: Callable[[int, int], str]
) -> bytes:
    """A PDF; the same pieces give the same bytes. foot: of page and number of pages."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setAuthor(author)
    canvas.setCreator("Mendline")
    pen, pages = Pen(canvas), _paged(pieces)
    for number, page in enumerate(pages, start=1):
        top = TOP
        for piece in page:
            piece.draw(pen, top)
            top -= piece.height
        pen.rule(FOOT - 2 * mm)
        pen.write_to(foot(number, len(pages)), RIGHT, FOOT - 4 * mm, 7.5, RIGHT - LEFT, grey=True)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _paged(pieces: Sequence[Piece]) -> list[list[Piece]]:
    pages: list[list[Piece]] = [[]]
    left = TOP - FOOT
    for piece in pieces:
        if piece.height + piece.also > left and pages[-1]:
            pages.append([])
            left = TOP - FOOT
            if piece.again is not None:
                pages[-1].append(piece.again)
                left -= piece.again.height
        pages[-1].append(piece)
        left -= piece.height
    return pages
