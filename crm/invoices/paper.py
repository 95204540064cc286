"""How a document looks: one layout for invoices, credit notes and receipts, drawn of what is frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from babel.dates import format_date
from babel.numbers import format_percent
from reportlab.lib.units import mm

from crm.core.money import Line, in_words, line_of
from crm.invoices import wording
from crm.invoices.content import FULL, SIMPLIFIED
from crm.invoices.models import CREDIT_NOTE, INVOICE, RECEIPT
from crm.invoices.sheets import (
    COLUMN,
    LEADING,
    LEFT,
    RIGHT,
    Pen,
    Piece,
    Words,
    bound,
    draw_column,
    gap,
    height,
    in_column,
    paragraph,
    wrapped,
)

# Dates and money are written as in these countries.
_LOCALES = {"en": "en_GB", "pt": "pt_PT"}
_SIZE, _SMALL = 9.0, 8.0
_AMOUNT = 32 * mm


def render(content: Mapping[str, Any]) -> bytes:
    """A PDF on A4; the same content gives the same bytes."""
    return _Paper(content).bytes()


class _Paper:
    """content: as `content.py` tells."""

    def __init__(self, content: Mapping[str, Any]):
        self.told = content
        spoken = wording.language(content["locale"])
        self.words, self.locale = wording.words(spoken), _LOCALES[spoken]
        self.shows_tax = content["vat"] == "registered" and content["kind"] != RECEIPT
        self.lines = [line_of(one) for one in content["lines"]]

    def bytes(self) -> bytes:
        seller, number = self.told["seller"]["legal_name"], self.told["number"]
        short = (wrapped(seller, 7.5, 90 * mm, 1) or [""])[0]

        def foot(page: int, pages: int) -> str:
            return f"{short} · {number} · {self.words['page']} {page} / {pages}"

        return bound([*self._pieces()], f"{self._title()} {number}", seller, foot)

    def _pieces(self) -> Iterator[Piece]:
        yield self._head()
        yield from self._why()
        if self.told["kind"] == RECEIPT:
            yield self._paid()
        else:
            yield from self._table()
            yield from self._sums()
        yield from self._notes()

    def _title(self) -> str:
        is_simple = self.told["kind"] == INVOICE and self.told["form"] == SIMPLIFIED
        return self.words["simplified" if is_simple and self.shows_tax else self.told["kind"]]

    def _head(self) -> Piece:
        """The company at the left, what the document is at the right, and whom it is for below."""
        left, right = self._seller(), self._facts()
        size = 20 if len(self._title()) < 16 else 15
        tall = max(height(left), size * LEADING + 2 * mm + len(right) * _SIZE * LEADING)
        buyer = self._buyer()

        def draw(pen: Pen, top: float) -> None:
            draw_column(pen, left, LEFT, top)
            pen.write_to(self._title(), RIGHT, top, size, COLUMN, bold=True)
            under = top - size * LEADING - 2 * mm
            for name, value in right:
                pen.write_to(value, RIGHT, under, _SIZE, 44 * mm)
                pen.write_to(name, RIGHT - 46 * mm, under, _SIZE, 36 * mm, grey=True)
                under -= _SIZE * LEADING
            draw_column(pen, buyer, LEFT, top - tall - 8 * mm)

        return Piece(tall + (height(buyer) + 8 * mm if buyer else 0) + 8 * mm, draw)

    def _seller(self) -> list[Words]:
        seller, words = self.told["seller"], self.words
        found = in_column(seller["legal_name"], 12, bold=True, most=4)
        for line in seller["address"]:
            found += in_column(line, _SIZE)
        if seller["vat_number"] and self.told["vat"] == "registered":
            found += in_column(f"{words['vat_number']}: {seller['vat_number']}", _SMALL, grey=True)
        if seller["company_number"]:
            number = f"{words['company_number']}: {seller['company_number']}"
            found += in_column(number, _SMALL, grey=True)
        return found

    def _buyer(self) -> list[Words]:
        buyer = self.told["buyer"]
        if not buyer:
            return []
        found = in_column(self.words["buyer"], _SMALL, grey=True)
        found += in_column(buyer["name"], 10, bold=True, most=4)
        for line in buyer["address"]:
            found += in_column(line, _SIZE)
        if buyer["vat_number"]:
            found += in_column(
                f"{self.words['vat_number']}: {buyer['vat_number']}", _SMALL, grey=True
            )
        return found

    def _facts(self) -> list[tuple[str, str]]:
        told, words = self.told, self.words
        found = [(words["number"], told["number"]), (words["issued"], self._day(told["issued_on"]))]
        if told["supplied_on"]:
            found.append((words["supplied"], self._day(told["supplied_on"])))
        if told["due_on"]:
            found.append((words["due"], self._day(told["due_on"])))
        if told["repair"]:
            found.append((words["repair"], told["repair"]["ref"]))
        return found

    def _why(self) -> Iterator[Piece]:
        """What is corrected and why, or which device it is about."""
        found = []
        if told := self.told.get("corrects"):
            when = self._day(told["issued_on"])
            found.append(f"{self.words['corrects']} {told['number']} {self.words['of']} {when}")
            found.append(f"{self.words['reason']}: {told['reason']}")
        elif self.told["repair"] and self.told["repair"]["device"]:
            found.append(f"{self.words['repair']}: {self.told['repair']['device']}")
        for text in found:
            yield from paragraph(text, _SIZE)
        if found:
            yield gap(4 * mm)

    def _table(self) -> Iterator[Piece]:
        heading = Piece(8 * mm, self._heading, also=24 * mm)
        yield heading
        for line in self.lines:
            yield self._row(line, heading)

    def _columns(self) -> dict[str, float]:
        """Right edges; the description takes what is left of the first."""
        if self.shows_tax:
            return {"quantity": LEFT + 84 * mm, "unit": LEFT + 118 * mm, "rate": LEFT + 140 * mm,
                    "amount": RIGHT}  # fmt: skip
        return {"quantity": LEFT + 104 * mm, "unit": LEFT + 139 * mm, "amount": RIGHT}

    def _heading(self, pen: Pen, top: float) -> None:
        pen.write(self.words["description"], LEFT, top, _SMALL, bold=True)
        for name, right in self._columns().items():
            room = _AMOUNT if name in ("unit", "amount") else 20 * mm
            pen.write_to(self.words[name], right, top, _SMALL, room, bold=True)
        pen.rule(top - 5 * mm, strong=True)

    def _row(self, line: Line, heading: Piece) -> Piece:
        columns = self._columns()
        label = wrapped(line.label, _SIZE, columns["quantity"] - LEFT - 14 * mm, 24)
        under = self.words["margin"] if line.tax == "margin" and self.shows_tax else ""
        values = {
            "quantity": str(line.quantity),
            "unit": self._money(line.unit_minor),
            "rate": "–" if under else self._rate(line.tax_bp),
            "amount": self._money(line.gross_minor),
        }
        tall = max(1, len(label)) * _SIZE * LEADING + (_SMALL * LEADING if under else 0) + 2 * mm

        def draw(pen: Pen, top: float) -> None:
            below = top
            for words in label:
                pen.write(words, LEFT, below, _SIZE)
                below -= _SIZE * LEADING
            if under:
                pen.write(under, LEFT, below, _SMALL, grey=True)
            for name, right in columns.items():
                room = _AMOUNT if name in ("unit", "amount") else 18 * mm
                pen.write_to(values[name], right, top, _SIZE, room)
            pen.rule(top - tall + 0.6 * mm)

        return Piece(tall + 1 * mm, draw, again=heading)

    def _sums(self) -> Iterator[Piece]:
        is_full = self.told["form"] == FULL
        rates = self.told["totals"]["by_rate"] if self.shows_tax else []
        total = self._total()
        # The sums stay together, below at least one line's height of air.
        yield Piece(3 * mm, lambda pen, top: None,
                    also=total.height + (len(rates) + 2) * 5 * mm)  # fmt: skip
        if rates:
            names = ("rate", "net", "tax", "gross") if is_full else ("rate", "gross")
            yield Piece(5 * mm, partial(self._sum_row, [self.words[name] for name in names], True))
            for one in rates:
                yield Piece(5 * mm, partial(self._sum_row, self._sum(one, is_full), False))
            sums = self.told["totals"]
            if is_full and len(rates) > 1 and not any(one["tax"] == "margin" for one in rates):
                told = [self.words["total"], *(self._money(sums[f"{name}_minor"])
                                               for name in ("net", "tax", "gross"))]  # fmt: skip
                yield Piece(5 * mm, partial(self._sum_row, told, False))
        yield total

    def _sum(self, one: Mapping[str, Any], is_full: bool) -> list[str]:
        gross = self._money(one["gross_minor"])
        is_margin = one["tax"] == "margin"
        name = self.words["margin"] if is_margin else self._rate(one["tax_bp"])
        if not is_full:
            return [name, gross]
        if is_margin:
            return [name, "–", "–", gross]
        return [name, self._money(one["net_minor"]), self._money(one["tax_minor"]), gross]

    def _sum_row(self, cells: list[str], is_heading: bool, pen: Pen, top: float) -> None:
        step = 33 * mm
        for number, cell in enumerate(reversed(cells)):
            pen.write_to(cell, RIGHT - number * step, top, _SMALL, step - 2 * mm, grey=is_heading)

    def _total(self) -> Piece:
        name = "credited" if self.told["kind"] == CREDIT_NOTE else "total"
        if name == "total" and self.shows_tax:
            name = "total_with_tax"
        amount = self._money(self.told["totals"]["gross_minor"])

        def draw(pen: Pen, top: float) -> None:
            pen.rule(top - 1 * mm, left=RIGHT - 99 * mm, strong=True)
            pen.write_to(amount, RIGHT, top - 3 * mm, 13, 48 * mm, bold=True)
            pen.write_to(self.words[name], RIGHT - 52 * mm, top - 3.6 * mm, 10, 47 * mm, bold=True)

        return Piece(14 * mm, draw)

    def _paid(self) -> Piece:
        told, words = self.told["payment"], self.words
        rows = ((words["payment"], told["ref"]), (words["method"], words[told["method"]]),
                (words["paid_on"], self._day(told["on"])))  # fmt: skip
        amount = self._money(self.told["totals"]["gross_minor"])

        def draw(pen: Pen, top: float) -> None:
            pen.rule(top, strong=True)
            pen.write(words["received"], LEFT, top - 4 * mm, 10, bold=True)
            pen.write_to(amount, RIGHT, top - 3.6 * mm, 13, 60 * mm, bold=True)
            below = top - 14 * mm
            for name, value in rows:
                pen.write(name, LEFT, below, _SIZE, grey=True)
                pen.write(value, LEFT + 32 * mm, below, _SIZE)
                below -= 5 * mm

        return Piece(34 * mm, draw)

    def _notes(self) -> Iterator[Piece]:
        for text in self.told["notes"]:
            yield from paragraph(text, _SIZE)
            yield gap(1.5 * mm)
        bank = self.told["seller"]["bank"]
        if bank and self.told["kind"] == INVOICE:
            yield from paragraph(f"{self.words['bank']}: {bank}", _SMALL, grey=True)

    def _day(self, told: str) -> str:
        return format_date(date.fromisoformat(told), "d MMMM y" if self.locale == "en_GB" else "long",
                           locale=self.locale)  # fmt: skip

    def _money(self, minor: int) -> str:
        return in_words(minor, self.told["currency"], self.locale)

    def _rate(self, basis_points: int) -> str:
        return format_percent(Decimal(basis_points).scaleb(-4), "#,##0.##%", locale=self.locale)
