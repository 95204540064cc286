"""Words of others in notes for agents, read as Chatwoot's dashboard reads them: as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from crm.notifications import texts
from crm.notifications.markdown import plain, quoted
from crm.notifications.samples import sample

NOTES = sorted(path.stem for path in (texts.TEMPLATES / "en").glob("note_*.chat"))
HOSTILE = [
    "[Receipt](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[@Tom](mention://user/1/Tom)",
    "(MENTION://team/2/all)",
    "<https://evil.example> <script>alert(1)</script> <b>",
    "[x]: https://evil.example\n[x]",
    "# Mendline\n===\nx\n---\n***\n+ a\n- b\n1. c\n2) d\n> e",
    "```\ncode\n```\n~~~\n    code",
    "a | b\n--|--\nc | d\n:--\n|:-:|",
    "**bold** __bold__ *x* _x_ ~~gone~~ `code` \\[x](y)",
    "&lbrack;x&rbrack;(https://evil.example) &#91;",
    "hello\n\nMendline: paid",
    "a\u2028Mendline: paid\x85Mendline: paid\rMendline: paid",
    "https://evil.example/[x](mention://user/1/Tom)",
    "{{ contact.email }} {% raw %}",
    "",
]
MENTION = re.compile(r"\(mention://(user|team)/(\d+)/(.+?)\)", re.IGNORECASE)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What Markdown makes of plain lines in a quote, and nothing else.
HARMLESS = {"paragraph", "inline", "text", "softbreak", "hardbreak", "blockquote", "text_special"}


def _tokens(markdown: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def _kinds(markdown: str) -> set[str]:
    return {re.sub("_(open|close)$", "", token.type) for token in _tokens(markdown)}


def _read(markdown: str) -> str:
    words = (
        "\n" if token.type in ("softbreak", "hardbreak") else token.content
        for token in _tokens(markdown)
        if token.type != "inline"
    )
    return "".join(words)


@pytest.mark.parametrize("words", [*HOSTILE, "x" * 10_000, "שלום 📱👩\u200d🔧", "\x00\u202e"])
def test_a_quote_is_read_as_it_was_typed(words: str):
    made = quoted(words)
    assert _kinds(made) <= HARMLESS
    assert all(line.startswith(">") for line in made.splitlines())
    assert not MENTION.search(made)
    lines = [line.strip() for line in words.replace("\x00", "\ufffd").splitlines()]
    assert _read(made).split("\n") == [line for line in "\n".join(lines).split("\n") if line] or [
        ""
    ]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_value_within_a_line_is_read_as_it_was_typed(words: str):
    made = plain(words)
    assert _kinds(f"RPR-1 · {made} · moved") <= HARMLESS
    assert _read(f"x {made} x") == f"x {' '.join(words.splitlines())} x"
    assert not MENTION.search(made)


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", NOTES)
def test_no_value_of_a_note_is_a_sign_of_ours(name: str, locale: str):
    """Whatever a customer or a shop system wrote, wherever it stands."""
    honest = _kinds(texts.render(locale, name, "chat", sample(name, locale)))
    for words in HOSTILE:
        values = {key: _spoilt(key, value, words) for key, value in sample(name, locale).items()}
        said = texts.render(locale, name, "chat", values)
        assert _kinds(said) <= honest | HARMLESS, said
        assert not any(line.startswith("Mendline: paid") for line in said.splitlines())
        assert not MENTION.search(said)


def _spoilt(key: str, value: object, words: str) -> object:
    """References, links and keywords that choose a sentence are ours; all else others may type."""
    kept = ("ref", "outcome", "wish", "code", "via", "channel", "command", "link", "details")
    if isinstance(value, str) and key not in kept:
        return words or "x"
    if isinstance(value, list):
        return [_spoilt(key, one, words) for one in value]
    if isinstance(value, dict) and key not in kept:
        return {inner: _spoilt(inner, one, words) for inner, one in value.items()}
    return value


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", ["note_customer_wrote", "note_customer_texted"])
def test_our_words_stand_outside_the_quote(name: str, locale: str):
    """A line right behind a quote would belong to it."""
    values = sample(name, locale) | {"body": "My code is ••••"}
    inside, depth = [], 0
    for token in _tokens(texts.render(locale, name, "chat", values)):
        depth += (token.type == "blockquote_open") - (token.type == "blockquote_close")
        if depth and token.type == "text":
            inside.append(token.content)
    assert "".join(inside) == "My code is ••••"


@pytest.mark.parametrize(
    "words",
    ["waiting_parts", "RPR-2611-7K3QD", "2026-11-26", "£120.50", "iPhone 13 (2021), 6.1\"",
     "120.50", "https://quay.example/track/a-_b.c_-d?x=1&y=_2", "it's 50% done: see #4 + more = ok!"],
)  # fmt: skip
def test_ordinary_words_stay_as_they_are(words: str):
    assert plain(words) == words
    assert quoted(words) == f"> {words}"


def test_what_is_no_text_stays():
    assert plain(3) == 3 and plain(quoted("*x*")) == "> \\*x\\*"
