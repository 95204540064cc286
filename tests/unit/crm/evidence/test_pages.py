"""Pages of a pack: whatever is in them, nothing runs and nothing breaks out."""

from __future__ import annotations

import pytest

from crm.evidence import pages
from crm.evidence.pages import Drawing, Facts, Section, Table, Words

HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "</pre><script>",
           "{{7*7}}", "\u202egnp.exe", "😀" * 10_000, "\ud800", "\x00"]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_everything_is_escaped(words: str):
    blocks = (Facts(words, [(words, words)]), Table(words, [words], [[words]]), Words(words, words))
    page = pages.render(Section("x", words, blocks)).decode()
    assert "<script" not in page and "<img" not in page
    assert "default-src 'none'" in page


def test_empty():
    assert b"Nothing was recorded." in pages.render(Section("x", "Empty", ()))


def test_a_drawing_is_numbers():
    page = pages.render(Section("x", "S", (Drawing("D", [[[1, 2], [3, 4]]]),)))
    assert b'points="1,2 3,4"' in page
