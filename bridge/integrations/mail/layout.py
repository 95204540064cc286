"""The one look of every e-mail: its text as HTML, with the shop's name above and a foot below.

The text's first line is the heading if it is one short sentence; else the subject is.

What the text says is the message's own business; the signs and words around it are `words.yaml`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from bridge import theme
from bridge.integrations.mail import blocks
from bridge.integrations.mail.blocks import Block, Paragraph
from crm.notifications.rules import Kind

if TYPE_CHECKING:
    from css_inline import CSSInliner

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
WORDS = Path(__file__).parent / "words.yaml"
LONGEST_GLIMPSE = 110
LONGEST_HEADING = 110
_REF = re.compile(r"\b[A-Z]{3}-\d{4}-[A-Z0-9]{4,6}\b")
_SENTENCE = re.compile(r"(?:[^.?!]|[.?!](?!\s))+[.?!]")


@dataclass(frozen=True)
class Foot:
    """sentences: why they get it, and what becomes of an answer. links: (words, address)."""

    shop: str
    sentences: str
    links: tuple[tuple[str, str], ...] = ()


def foot(
    locale: str,
    kind: Kind,
    shop: str,
    *,
    home: str,
    takes_answers: bool,
    preferences: str | None = None,
    unsubscribe: str | None = None,
) -> Foot:
    """home: where the shop is reached if nobody reads answers. preferences, unsubscribe: their pages."""
    words = spoken(locale)
    reason = words["reasons"][kind].format(shop=shop)
    if kind not in (Kind.SERVICE, Kind.MARKETING):
        return Foot(shop, reason)
    answers = "answer" if takes_answers else "silent"
    places = {
        "unsubscribe": unsubscribe,
        "preferences": preferences,
        "reach": None if takes_answers else home,
    }
    links = tuple((words[name], url) for name, url in places.items() if url)
    return Foot(shop, f"{reason} {words[answers]}", links)


def headed(read: Sequence[Block], subject: str, shop: str) -> tuple[str, Sequence[Block]]:
    """The heading, and what stands below it."""
    first = read[0] if len(read) > 1 else None
    if isinstance(first, Paragraph) and len(first.spans) == 1 and first.spans[0].url is None:
        line = first.spans[0].text
        if len(line) <= LONGEST_HEADING and _SENTENCE.fullmatch(line):
            ref = _REF.search(subject)
            # It stands above the heading, or further down (`_about`).
            aside = f" ({ref[0]})" if ref else ""
            return line.replace(aside, "").removesuffix("."), read[1:]
    return heading(subject, shop), read


def heading(subject: str, shop: str) -> str:
    """The subject without `at <shop>`: the name stands right above it."""
    short = re.sub(rf",?\s+\w{{1,4}}\s+{re.escape(shop)}(?=$|[\s:])", "", subject)
    return short.strip() or subject


def as_text(text: str, foot: Foot) -> str:
    """The plain part. `-- ` is how mail programs know where the foot begins."""
    links = [f"{words}: {url}" for words, url in foot.links]
    return "\n".join([blocks.tidy(text), "", "-- ", foot.shop, foot.sentences, *links])


def as_html(
    text: str,
    locale: str,
    foot: Foot,
    *,
    title: str,
    site: str,
    known: Collection[str] = (),
    code: str | None = None,
    scale: str | None = None,
) -> str:
    """One document without anything from outside. site, known, code, scale: see `blocks.read`."""
    read = blocks.read(blocks.tidy(text), site=site, known=known, code=code, scale=scale)
    line, below = headed(read, title, foot.shop)
    page = _page().render(
        blocks=below,
        glimpse=_glimpse(read),
        title=title,
        heading=line,
        about=_about(title, line, below),
        initial=_initial(foot.shop),
        foot=foot,
        lang=locale,
        words=spoken(locale),
        light=theme.LIGHT,
        dark=theme.DARK,
        radius=theme.RADIUS,
        fonts=theme.FONTS.replace('"', "'"),
    )
    return _inliner().inline(page)


def seen(page: str, scheme: str) -> str:
    """The page as a device shows it that prefers this scheme, `light` or `dark`."""
    media = "all" if scheme == "dark" else "not all"
    return page.replace("@media (prefers-color-scheme: dark)", f"@media {media}").replace(
        "light dark", scheme
    )


def spoken(locale: str) -> Mapping[str, Any]:
    return _words()[locale]


def _about(subject: str, heading: str, below: Sequence[Block]) -> str:
    """The reference, unless it is read elsewhere in the mail."""
    ref = _REF.search(subject)
    return ref[0] if ref and ref[0] not in f"{heading} {below}" else ""


def _initial(shop: str) -> str:
    """What stands for a logo: pictures would have to be fetched, and most programs ask first."""
    return next((sign.upper() for sign in shop if sign.isalnum()), "")


def _glimpse(read: Sequence[Block]) -> str:
    """What a list of mails shows beside the subject: the beginning, without addresses."""
    paragraph = next((one for one in read if isinstance(one, Paragraph)), Paragraph(()))
    first = "".join(span.text for span in paragraph.spans if span.url is None).strip()
    return first if len(first) <= LONGEST_GLIMPSE else first[:LONGEST_GLIMPSE].rstrip() + "…"


def _unbroken(text: str) -> Markup:
    """References stay on one line."""
    # Escaping touches none of the signs that a reference is made of.
    return Markup(_REF.sub(r'<span class="ref">\g<0></span>', str(escape(text))))


@cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    return yaml.safe_load(WORDS.read_text("utf-8"))


@cache
def _page() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment.get_template("layout.html")


@cache
def _inliner() -> CSSInliner:
    # Large, and the web process takes from here only how a message reads.
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False)
