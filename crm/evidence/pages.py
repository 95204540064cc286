"""Sections of a pack as plain HTML pages: no script, nothing from outside, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #888;padding:.3rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}svg{border:1px solid #888;max-width:100%}"
)
_SHEET = "0 0 600 200"


@dataclass(frozen=True)
class Facts:
    """A title and what is known under it; what is None or empty is left out."""

    title: str
    rows: Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Words:
    """A text word for word."""

    title: str
    words: str


@dataclass(frozen=True)
class Drawing:
    """A signature: lines of points on a sheet of 600 by 200 (`crm/agreements/rules.py`)."""

    title: str
    strokes: Sequence[Sequence[Sequence[int]]]


Block = Facts | Table | Words | Drawing


@dataclass(frozen=True)
class Section:
    """slug: names its file."""

    slug: str
    title: str
    blocks: tuple[Block, ...]


def page(title: str, body: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{text(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{text(title)}</h1>{body}</body></html>"
    ).encode(errors="replace")


def render(section: Section) -> bytes:
    blocks = "".join(f"<h2>{text(one.title)}</h2>{_block(one)}" for one in section.blocks)
    return page(section.title, blocks or "<p>Nothing was recorded.</p>")


def table(head: Iterable[object], rows: Iterable[Iterable[str]]) -> str:
    """rows: cells that are HTML already."""
    first = "".join(f'<th scope="col">{text(one)}</th>' for one in head)
    rest = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{first}</tr></thead><tbody>{rest}</tbody></table>"


def link(path: str) -> str:
    return f'<a href="{text(path)}">{text(path)}</a>'


def text(value: object) -> str:
    return "" if value is None else escape(str(value))


def _block(block: Block) -> str:
    if isinstance(block, Words):
        return f"<pre>{text(block.words)}</pre>"
    if isinstance(block, Drawing):
        lines = "".join(
            f'<polyline fill="none" stroke="#000" stroke-width="2" points="{_points(line)}"/>'
            for line in block.strokes
        )
        return f'<svg viewBox="{_SHEET}" width="600" height="200">{lines}</svg>'
    if isinstance(block, Table):
        return table(block.head, (map(text, row) for row in block.rows))
    known = [(name, value) for name, value in block.rows if value not in (None, "")]
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in known
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _points(line: Sequence[Sequence[int]]) -> str:
    return " ".join(f"{int(x)},{int(y)}" for x, y in line)
