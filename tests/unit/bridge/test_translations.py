"""No word of a page is left out of the catalogue, and no entry of the catalogue is left over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from bridge import pages, problem_words
from bridge.admin import words
from bridge.problems import _OWN_CODES
from crm.agreements.models import Purpose
from crm.core import errors, inbox, outbox
from crm.notifications.models import NotificationState
from crm.notifications.rules import CHANNELS, Importance, Kind
from crm.notifications.texts import LOCALES
from crm.repairs.statuses import RepairFlag, RepairStatus

BRIDGE = Path(pages.__file__).parents[1]
TEMPLATES = BRIDGE / "templates"
TRANSLATIONS = BRIDGE / "translations"
# The description of the API is in English; e-mails have their words from `words.yaml`.
PAGES = [
    path.relative_to(TEMPLATES).as_posix()
    for path in sorted(TEMPLATES.rglob("*.html"))
    if path.name != "docs.html" and path.parent.name != "mail"
]
READ_ALOUD = ("alt", "aria-label", "label", "placeholder", "title")
NO_WORDS = {"UTC", "(PDF)"}
WORD = re.compile(r"[^\W\d_]{2}")


class Literal(HTMLParser):
    """texts: what a page says whatever the language."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        # A macro may write attributes alone, without their tag.
        self.texts.append(re.sub(r'[\w-]+="[^"]*"', "", data))

    def handle_starttag(self, tag, attrs) -> None:
        shown = (*READ_ALOUD, "content") if ("name", "description") in attrs else READ_ALOUD
        self.texts += [value or "" for name, value in attrs if name in shown]


def untranslated(source: str) -> Iterator[str]:
    literal = Literal()
    literal.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", source, flags=re.DOTALL))
    for text in literal.texts:
        if WORD.search(text) and text.strip() not in NO_WORDS:
            yield " ".join(text.split())
    yield from _sentences(Environment(autoescape=True).parse(source))


def _sentences(node: nodes.Node) -> Iterator[str]:
    """Strings in Jinja that look as if they were to be read: capitals first, or several words."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Call) and getattr(child.node, "name", "") == "_":
            continue
        if isinstance(child, nodes.Const) and isinstance(child.value, str):
            text = child.value.strip()
            if re.match(r"[A-Z][a-z]|[^\W\d]+\W* [^\W\d]", text):
                yield text
        yield from _sentences(child)


@pytest.mark.parametrize("name", PAGES)
def test_every_word_of_a_page_can_be_translated(name):
    assert list(untranslated((TEMPLATES / name).read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    ["<p>Repairs</p>", "<a aria-label='Menu'></a>", "<p>{{ one or 'not known' }}</p>",
     "{% set title = 'Deliveries' %}{{ title }}", "<img alt='{{ ref }} of us'>",
     "<p>{{ _('Repairs') }} now</p>"],
)  # fmt: skip
def test_a_forgotten_word_is_found(source):
    assert list(untranslated(source)) != []


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
def test_every_sentence_is_translated_and_nothing_is_left_over(locale):
    with open(TRANSLATIONS / "babel.cfg", encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    used = {
        message
        for _, _, message, _, _ in extract_from_dir(
            str(BRIDGE), methods, options, keywords={"_": None}
        )
    }
    with open(TRANSLATIONS / locale / "LC_MESSAGES" / "messages.po", "rb") as file:
        catalogue = read_po(file)
    translated = {message.id for message in catalogue if message.id and message.string}

    assert used == translated
    assert [error for message in catalogue for error in message.check(catalogue)] == []
    assert not any(message.fuzzy for message in catalogue if message.id)


@pytest.mark.parametrize(
    ("table", "stored"),
    [
        (words.STATES, {*inbox.STATES, *outbox.STATES, "bulk"}),
        (words.MODES, {outbox.SEND, outbox.SYNC}),
        (words.STATUSES, set(RepairStatus)),
        (words.FLAGS, set(RepairFlag)),
        (words.PURPOSES, set(Purpose)),
        (words.IMPORTANCE, set(Importance)),
        (words.KINDS, set(Kind)),
        (words.MESSAGE_STATES, set(NotificationState)),
        (words.CHANNELS, set(CHANNELS)),
    ],
)
def test_everything_stored_has_words(table, stored):
    assert set(table) == stored


def test_every_fault_has_words():
    statuses = {one.status for one in vars(errors).values() if hasattr(one, "status")}
    for status in statuses | set(_OWN_CODES) | {500, 503}:
        assert problem_words.told(status, "some-code").title
