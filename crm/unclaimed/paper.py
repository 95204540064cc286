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
_LEFT, _WIDTH = 25 * mm, 160 * mm
_SIZE, _LEADING = 11.0, 16.0
_MOST = 2000  # signs of one paragraph
_ADDRESS_LINES = 8


def render(draft: Draft, known: Law, facts: Parties) -> bytes:
    """A PDF of one page."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(f"{draft.kind.title} {facts.ref}")
    canvas.setCreator("Mendline")
    top = A4[1] - 20 * mm
    top = _lines(canvas, facts.sender[: _ADDRESS_LINES + 1], top) - _LEADING
    top = _lines(canvas, facts.recipient[: _ADDRESS_LINES + 1], top) - _LEADING
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


def _lines(canvas: Canvas, lines: Sequence[str], top: float, font: str = REGULAR) -> float:
    for line in lines:
        top = _paragraph(canvas, line, top, font, most_lines=2)
    return top


def _paragraph(
    canvas: Canvas, words: str, top: float, font: str = REGULAR, *, most_lines: int = 12
) -> float:
    width = width_of(font, _SIZE)
    for line in fitted(clean(words, font, _MOST), width, _WIDTH, most_lines):
        canvas.setFont(font, _SIZE)
        canvas.drawString(_LEFT, top, line)
        top -= _LEADING
    return top
