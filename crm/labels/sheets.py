"""Draws labels: each on a page of its own for label printers, or many on a sheet of A4.

The same labels give the same bytes. QR codes are drawn as the squares they are, so that every
printer makes them sharp.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from crm.core.typeface import BOLD, REGULAR, clean, fitted, width_of
from crm.labels.label import COLUMNS, PLACES_A_SHEET, ROWS, Label, Size

_CELL = (70 * mm, 37 * mm)  # the common sheet of 24; 0.5 mm of A4 stay free above and below
_MARGIN = 2 * mm
_UNPRINTED = 3 * mm  # office printers reach no further towards the edges of A4


_PAGES = {Size.LABEL: (62 * mm, 29 * mm), Size.A4: A4}


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    width: float
    height: float


def render(labels: Sequence[Label], size: Size, title: str, *, first: int = 1) -> bytes:
    """A PDF. first: on which place of the first A4 sheet to begin, from 1; used sheets serve again."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=_PAGES[size], invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setCreator("Mendline")
    for number, label in enumerate(labels):
        place = (number + first - 1) % PLACES_A_SHEET if size is Size.A4 else 0
        if number and place == 0:
            canvas.showPage()
        _draw(canvas, label, _box(size, place))
    canvas.save()
    return file.getvalue()


def _box(size: Size, place: int) -> _Box:
    page_width, page_height = _PAGES[size]
    if size is Size.LABEL:
        return _Box(0, 0, page_width, page_height)
    row, column = divmod(place, COLUMNS)
    width, height = _CELL
    above = (page_height - ROWS * height) / 2
    bottom = page_height - above - (row + 1) * height
    return _Box(column * width + _UNPRINTED, bottom, width - 2 * _UNPRINTED, height)


def _draw(canvas: Canvas, label: Label, box: _Box) -> None:
    side = min(box.height - 2 * _MARGIN, 25 * mm)
    _draw_code(canvas, label.code, box.left + _MARGIN, box.bottom + (box.height - side) / 2, side)
    left = box.left + side + 2 * _MARGIN
    room = box.left + box.width - _MARGIN - left
    top = box.bottom + box.height - _MARGIN
    floor = box.bottom + _MARGIN + (8 if label.foot else 0)

    lines = 1 if label.lines else 2
    top = _write(canvas, label.heading, BOLD, _heading_size(label.heading, room), left, top, room,
                 lines, floor)  # fmt: skip
    for line in label.lines:
        top = _write(canvas, line, REGULAR, 7.5, left, top - 1, room, 2, floor)
    _write(canvas, label.foot, REGULAR, 6, left, box.bottom + _MARGIN + 7, room, 1, box.bottom)


def _heading_size(heading: str, room: float) -> float:
    """As large as fits one line, between 8 and 12 points."""
    text = clean(heading, BOLD)
    return max(8.0, min(12.0, 11.9 * room / max(width_of(BOLD, 12)(text), 1)))


def _write(
    canvas: Canvas, text: str, font: str, size: float, left: float, top: float, room: float,
    lines: int, floor: float,
) -> float:  # fmt: skip
    """Lines from `top` down, none below `floor`. Returns where the next one begins."""
    lines = min(lines, int((top - floor) // (size * 1.2)))
    shown = fitted(clean(text, font), width_of(font, size), room, lines)
    canvas.setFont(font, size)
    for line in shown:
        canvas.drawString(left, top - size, line)
        top -= size * 1.2
    return top


def _draw_code(canvas: Canvas, content: str, left: float, bottom: float, side: float) -> None:
    rows = list(segno.make(content, error="m", micro=False).matrix)
    module = side / len(rows)
    for number, row in enumerate(rows):
        height = bottom + (len(rows) - 1 - number) * module
        column = 0
        for is_dark, run in groupby(row):
            length = len(list(run))
            if is_dark:
                canvas.rect(
                    left + column * module, height, length * module, module, stroke=0, fill=1
                )
            column += length
