"""Typed words stay words: nothing in them is rendered by Chatwoot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatwoot.liquid import WORD_JOINER, escape_liquid
from chatwoot.sandbox.liquid import render

HOSTILE = [
    "{{contact.email}}",
    "{%raw%}{{agent.email}}{%endraw%}",
    "{{{contact.email}}}",
    "{{{{{",
    "{{%if true%}",
    "`{{contact.email}}`",
    "`code` {{contact.name}} `",
    "{{-contact.email-}}",
    "{\n{",
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_no_opening_is_left_and_nothing_typed_is_lost(typed):
    escaped = escape_liquid(typed)
    assert "{{" not in escaped and "{%" not in escaped
    assert escaped.replace(WORD_JOINER, "") == typed


@pytest.mark.parametrize("typed", HOSTILE)
def test_rendering_changes_nothing(typed):
    escaped = escape_liquid(typed)
    assert render(escaped, {"contact.email": "sara@example.test"}) == escaped


@pytest.mark.parametrize("typed", ["{ {", "a {b} c", "100 %", "}} %}", "€ 5 {", ""])
def test_harmless_text_is_untouched(typed):
    assert escape_liquid(typed) == typed


@given(st.text(alphabet="{%}` a\u2060\n"))
def test_any_mix_is_safe_and_stays_so(typed):
    escaped = escape_liquid(typed)
    assert "{{" not in escaped and "{%" not in escaped
    assert escape_liquid(escaped) == escaped
