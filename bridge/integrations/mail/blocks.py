"""Reads a message's plain text as what an e-mail shows: paragraphs, lists, buttons, a code, marks.

The text is the one truth: nothing is added and nothing but a link's address is hidden. Only pages of
the shop become buttons; any other address stays in sight, so that no words can disguise it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

LONGEST_LABEL = 60
# Control signs, and turns of the writing direction that would go on behind their line.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_URL = re.compile(r"https?://[^\s<>\"'`{}|\\^]+", re.IGNORECASE)
_BEHIND_URL = ".,;:!?)]*_"
_ITEM = re.compile(r"(?:[-•]|(?P<number>[1-9]\d?)\.) +(?=\S)")


@dataclass(frozen=True)
class Span:
    text: str
    url: str | None = None


@dataclass(frozen=True)
class Paragraph:
    kind: ClassVar[str] = "paragraph"
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Items:
    """first: its number, where they are counted."""

    kind: ClassVar[str] = "items"
    items: tuple[tuple[Span, ...], ...]
    first: int | None = None


@dataclass(frozen=True)
class Button:
    """label: empty where the text gives none. is_first: the one thing to do."""

    kind: ClassVar[str] = "button"
    label: str
    url: str
    is_first: bool


@dataclass(frozen=True)
class Code:
    kind: ClassVar[str] = "code"
    code: str


@dataclass(frozen=True)
class Marks:
    """One to five to choose from. url: of the page where the choice is sent."""

    kind: ClassVar[str] = "marks"
    url: str

    def at(self, mark: int) -> str:
        return f"{self.url}?mark={mark}"


Block = Paragraph | Items | Button | Code | Marks


def tidy(text: str) -> str:
    """Without signs that nobody sees."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def read(
    text: str,
    *,
    site: str,
    known: Collection[str] = (),
    code: str | None = None,
    scale: str | None = None,
) -> list[Block]:
    """text: tidied. site: where the shop's pages are. known: other addresses that the shop chose.

    code: to be typed or shown elsewhere; it stands out in its own line, else above everything.
    scale: the page whose button becomes five marks.
    """
    found = list(_lines(text, site, known))
    if scale is not None:
        found = [Marks(scale) if getattr(one, "url", None) == scale else one for one in found]
    if code is None:
        return found
    line = Paragraph((Span(code),))
    if line in found:
        return [Code(code) if one == line else one for one in found]
    return [Code(code), *found]


def _lines(text: str, site: str, known: Collection[str]) -> Iterator[Block]:
    items: list[tuple[Span, ...]] = []
    first: int | None = None
    has_button = False
    for line in (line.strip() for line in text.split("\n")):
        item = _ITEM.match(line)
        number = int(item["number"]) if item and item["number"] else None
        if items and not (item and number == (first and first + len(items))):
            yield Items(tuple(items), first)
            items = []
        if item:
            first = first if items else number
            items.append(_item(line[item.end() :], site, known))
            continue
        if not line:
            continue
        words, url = _labelled(line)
        if url and is_ours(url, site, known) and len(words) <= LONGEST_LABEL:
            yield Button(words, url, not has_button)
            has_button = True
        else:
            yield Paragraph(_linked(line))
    if items:
        yield Items(tuple(items), first)


def _item(line: str, site: str, known: Collection[str]) -> tuple[Span, ...]:
    words, url = _labelled(line)
    if words and url and is_ours(url, site, known):
        return (Span(words, url),)
    return _linked(line)


def _labelled(line: str) -> tuple[str, str]:
    """`Label: URL` or the URL alone; the URL is empty where the line is neither."""
    words, _, last = line.rpartition(" ")
    if not _URL.fullmatch(last) or last[-1] in _BEHIND_URL:
        return line, ""
    if words and not words.endswith(":"):
        return line, ""
    return words.removesuffix(":").rstrip(), last


def is_ours(url: str, site: str, known: Collection[str]) -> bool:
    """Whether it opens a page of the shop, or one outside that the shop chose."""
    return url.startswith(site.rstrip("/") + "/") or url in known


def _linked(line: str) -> tuple[Span, ...]:
    spans, end = [], 0
    for match in _URL.finditer(line):
        url = match[0].rstrip(_BEHIND_URL)
        if match.start() > end:
            spans.append(Span(line[end : match.start()]))
        spans.append(Span(url, url))
        end = match.start() + len(url)
    if end < len(line):
        spans.append(Span(line[end:]))
    return tuple(spans)
