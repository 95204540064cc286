"""The one look of every e-mail: its text as HTML, with the shop's name above and a foot below.

What the text says is the message's own business; the signs and words around it are `words.yaml`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from bridge import theme
from bridge.integrations.mail import blocks
from bridge.integrations.mail.blocks import Block, Paragraph
from crm.notifications.rules import Kind

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
WORDS = Path(__file__).parent / "words.yaml"
LONGEST_GLIMPSE = 110
_REF = re.compile(r"\b[A-Z]{3}-\d{4}-[A-Z0-9]{4,6}\b")


@dataclass(frozen=True)
class Foot:
    """reason: why they get it. preferences: where they choose what they get; None: nowhere."""

    shop: str
    reason: str
    preferences: str | None = None
    answer: str | None = None

    @property
    def sentences(self) -> str:
        return f"{self.reason} {self.answer}" if self.answer else self.reason


def foot(
    locale: str, kind: Kind, shop: str, *, preferences: str | None, takes_answers: bool
) -> Foot:
    words = spoken(locale)
    reason = words["reasons"][kind].format(shop=shop)
    return Foot(shop, reason, preferences, words["answer"] if takes_answers else None)


def heading(subject: str, shop: str) -> str:
    """The subject without `at <shop>`: the name stands right above it."""
    short = re.sub(rf",?\s+\w{{1,4}}\s+{re.escape(shop)}(?=$|[\s:])", "", subject)
    return short.strip() or subject


def as_text(text: str, locale: str, foot: Foot) -> str:
    """The plain part. `-- ` is how mail programs know where the foot begins."""
    lines = [blocks.tidy(text), "", "-- ", foot.shop, foot.sentences]
    if foot.preferences:
        lines.append(f"{spoken(locale)['preferences']}: {foot.preferences}")
    return "\n".join(lines)


def as_html(
    text: str,
    locale: str,
    foot: Foot,
    *,
    title: str,
    site: str,
    known: Collection[str] = (),
    has_code: bool = False,
) -> str:
    """One document without anything from outside. site, known, has_code: see `blocks.read`."""
    read = blocks.read(blocks.tidy(text), site=site, known=known, has_code=has_code)
    page = _page().render(
        blocks=read,
        glimpse=_glimpse(read),
        title=title,
        heading=heading(title, foot.shop),
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
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)
