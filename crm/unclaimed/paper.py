"""Draws a letter on A4. The same letter gives the same bytes; a country's words are its data."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date

from babel.dates import format_date
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from crm.core.money import in_words
from crm.core.typeface import BOLD, REGULAR, clean, fitted, width_of
from crm.unclaimed.law import Law
from crm.unclaimed.letters import Draft
from crm.unclaimed.parties import Parties

LOCALE = "en_GB"
_TEXT, _SENDER, _RECIPIENT = (25 * mm, 160 * mm), (125 * mm, 60 * mm), (25 * mm, 85 * mm)
_WINDOW = A4[1] - 50 * mm  # where envelopes show the recipient
_WINDOW_LINES = 5
_SIZE, _LEADING = 11.0, 16.0
_MOST = 2000  # signs of one paragraph
_MOST_LINES = 14  # of an address


def render(draft: Draft, known: Law, facts: Parties) -> bytes:
    """A PDF of one page."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(f"{draft.kind.title} {facts.ref}")
    canvas.setCreator("Mendline")
    sender = _lines(canvas, facts.sender, A4[1] - 20 * mm, column=_SENDER)
    top = min(sender, _recipient(canvas, facts.recipient)) - 2 * _LEADING
    top = _lines(canvas, [_day(draft.on)], top) - _LEADING
    top = _lines(canvas, [draft.kind.title], top, BOLD) - _LEADING / 2
    values = _values(draft, known, facts)
    about = [known.words[name].format(**values) for name in ("device", "reference")]
    top = _lines(canvas, about, top) - _LEADING / 2
    for words in draft.kind.text:
        top = _paragraph(canvas, words.format(**values), top) - _LEADING / 2
    _lines(canvas, [known.words["signed"].format(**values)], top - 2 * _LEADING)
    canvas.save()
    return file.getvalue()


def _values(draft: Draft, known: Law, facts: Parties) -> dict[str, object]:
    key = {None: "unknown", 0: "settled"}.get(draft.owed_minor, "owing")
    amount = in_words(draft.owed_minor or 0, draft.currency, LOCALE)
    return {
        "owed": known.words[key].format(amount=amount),
        "device": facts.device,
        "ref": facts.ref,
        "shop": facts.sender[0],
        "ready_on": _day(facts.ready_on),
        "wait_days": next(
            (one.wait_days for one in known.kinds if one.after == draft.kind.name), 0
        ),
        "forerunner_on": _day(draft.forerunner_on) if draft.forerunner_on else "",
        "sell_on": _day(draft.sell_on) if draft.sell_on else "",
    }


def _day(day: date) -> str:
    return format_date(day, "long", locale=LOCALE)


def _recipient(canvas: Canvas, lines: Sequence[str]) -> float:
    """Without an address there are lines to write it on."""
    top = _lines(canvas, lines, _WINDOW, column=_RECIPIENT)
    lowest = _WINDOW - _WINDOW_LINES * _LEADING
    left, width = _RECIPIENT
    while len(lines) < 2 and top > lowest:
        canvas.setLineWidth(0.4)
        canvas.line(left, top - 3, left + width, top - 3)
        top -= _LEADING
    return min(top, lowest)


def _lines(
    canvas: Canvas,
    lines: Sequence[str],
    top: float,
    font: str = REGULAR,
    *,
    column: tuple[float, float] = _TEXT,
) -> float:
    """However long they are, what follows stays on the page."""
    lowest = top - _MOST_LINES * _LEADING
    for line in lines:
        left = min(4, round((top - lowest) / _LEADING))
        top = _paragraph(canvas, line, top, font, column=column, most_lines=left)
    return top


def _paragraph(
    canvas: Canvas,
    words: str,
    top: float,
    font: str = REGULAR,
    *,
    column: tuple[float, float] = _TEXT,
    most_lines: int = 12,
) -> float:
    """column: its left edge and its width. Returns where the next line stands."""
    left, width = column
    for line in fitted(clean(words, font, _MOST), width_of(font, _SIZE), width, most_lines):
        canvas.setFont(font, _SIZE)
        canvas.drawString(left, top, line)
        top -= _LEADING
    return top
