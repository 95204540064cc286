"""Pure: tables as CSV text, in with faults named by line, out safe for spreadsheets.

What columns a sheet has is in `kinds.py`; what becomes of its rows is not decided here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.core.errors import Invalid

MOST_BYTES = 10_000_000
MOST_ROWS = 60_000
MOST_CELL_SIGNS = 4000
MOST_FAULTS_TOLD = 50
# A spreadsheet runs a cell that begins like this; an apostrophe before it makes it text again.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


class CellFault(ValueError):
    """What is wrong with one cell."""


@dataclass(frozen=True)
class Column:
    """parse: cell -> value, raises CellFault. write: value -> cell. attribute: of the table."""

    name: str
    attribute: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Row:
    """line: where the row ends in the file, counted from 1. values: attribute -> value."""

    line: int
    values: Mapping[str, Any]


def read(data: bytes, columns: Iterable[Column], key: Iterable[str]) -> list[Row]:
    """The rows of a whole CSV file, UTF-8, its first line naming the columns in any order.

    key: attributes that together name a row once. Raises Invalid (`broken-sheet`), its errors named
    `line 4711` each; nothing is returned of a file with a fault.
    """
    if len(data) > MOST_BYTES:
        raise Invalid(f"the file is larger than {MOST_BYTES // 1_000_000} MB", code="broken-sheet")
    faults: dict[str, list[str]] = {}
    rows: list[Row] = []
    seen: dict[tuple, int] = {}
    key = tuple(key)
    reader = csv.reader(io.StringIO(_text(data), newline=""), strict=True)
    try:
        order = _header(next(reader, []), tuple(columns))
        for cells in reader:
            if not any(cells):
                continue
            if len(rows) >= MOST_ROWS:
                faults[f"line {reader.line_num}"] = [f"more than {MOST_ROWS} rows"]
                break
            values, wrong = _values(cells, order)
            name = tuple(values.get(one) for one in key)
            if not wrong and name in seen:
                wrong = [f"the same as line {seen[name]}"]
            if wrong:
                faults[f"line {reader.line_num}"] = wrong
                if len(faults) >= MOST_FAULTS_TOLD:
                    break
                continue
            seen[name] = reader.line_num
            rows.append(Row(reader.line_num, values))
    except csv.Error as error:
        faults[f"line {reader.line_num}"] = [f"not CSV: {error}"]
    refuse(faults)
    return rows


def refuse(faults: Mapping[str, list[str]]) -> None:
    """Raise Invalid when there is a fault."""
    if faults:
        told = "; ".join(f"{line}: {', '.join(words)}" for line, words in list(faults.items())[:5])
        more = f" (and {len(faults) - 5} more lines)" if len(faults) > 5 else ""
        raise Invalid(
            f"nothing was changed. {told}{more}", errors=dict(faults), code="broken-sheet"
        )


def write(rows: Iterable[Any], columns: Iterable[Column]) -> str:
    """CSV text of objects that have the columns' attributes."""
    columns = tuple(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([guard(one.write(getattr(row, one.attribute))) for one in columns])
    return out.getvalue()


def guard(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(
            f"nothing was changed. line {line}: not UTF-8",
            errors={f"line {line}": ["not UTF-8"]},
            code="broken-sheet",
        ) from error


def _header(names: list[str], columns: tuple[Column, ...]) -> list[Column]:
    known = {column.name: column for column in columns}
    wrong = [f"unknown column {name!r}" for name in names if name not in known]
    wrong += [f"column {name!r} is missing" for name in known if name not in names]
    if len(set(names)) != len(names):
        wrong.append("a column is named twice")
    refuse({"line 1": wrong} if wrong else {})
    return [known[name] for name in names]


def _values(cells: list[str], order: list[Column]) -> tuple[dict[str, Any], list[str]]:
    if len(cells) != len(order):
        return {}, [f"{len(cells)} cells instead of {len(order)}"]
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for column, cell in zip(order, cells, strict=True):
        try:
            if len(cell) > MOST_CELL_SIGNS:
                raise CellFault(f"longer than {MOST_CELL_SIGNS} characters")
            values[column.attribute] = column.parse(unguard(cell.strip()))
        except CellFault as fault:
            wrong.append(f"{column.name}: {fault}")
    return values, wrong
