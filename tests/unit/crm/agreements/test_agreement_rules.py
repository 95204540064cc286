"""What a signing page takes from strangers: names and drawings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.agreements import rules
from crm.core.errors import Invalid

LINE = [[0, 0], [600, 200]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", None),
        ("  ", None),
        ("[]", None),
        ("[[]]", None),
        ("[[[1,2]]]", None),
        ("[[[1,2],[1,2]]]", None),
        (json.dumps([LINE]), [LINE]),
        (json.dumps([[[5, 5]], LINE]), [LINE]),
    ],
)
def test_drawings_that_fit(sent, kept):
    assert rules.strokes(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        "x", "null", "{}", '"a"', "[1]", "[[1]]", "[[[1]]]", "[[[1,2,3]]]", "[[[1.5,2]]]",
        "[[[true,2]]]", '[[["1",2]]]', "[[[-1,2]]]", "[[[601,2]]]", "[[[1,201]]]", "[[[1e400,2]]]",
        "[[[NaN,2]]]", "[" * 5000, json.dumps([LINE] * 201), json.dumps([LINE * 2001]),
        "[[[1,2]]]" + " " * 64_000, '{"__proto__": []}', "\x00",
    ],
)  # fmt: skip
def test_drawings_that_do_not_fit(sent):
    with pytest.raises(Invalid) as refused:
        rules.strokes(sent)
    assert refused.value.code == "bad-drawing"


@given(st.text(max_size=300))
def test_any_text_is_a_drawing_of_ours_or_refused(sent):
    try:
        kept = rules.strokes(sent)
    except Invalid:
        return
    assert kept is None or all(len(line) > 1 for line in kept)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ilse Brandt", "Ilse Brandt"),
        ("  Ilse \t\n Brandt ", "Ilse Brandt"),
        ("I\u0000l\u202ese\u200b", "Ilse"),
        ("Ame\u0301lie", "Amélie"),
        ("宮本", "宮本"),
        ("x" * 120, "x" * 120),
    ],
)
def test_names_that_fit(typed, kept):
    assert rules.signer_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "no-name"), ("   ", "no-name"), ("...", "no-name"), ("123", "no-name"),
        ("😀", "no-name"), ("\u202e", "no-name"), ("x" * 121, "name-too-long"),
        ("x" * 10_000, "name-too-long"),
    ],
)  # fmt: skip
def test_names_that_do_not_fit(typed, code):
    with pytest.raises(Invalid) as refused:
        rules.signer_name(typed)
    assert refused.value.code == code


@given(st.text(max_size=400))
def test_a_kept_name_is_one_short_line(typed):
    try:
        name = rules.signer_name(typed)
    except Invalid:
        return
    assert 0 < len(name) <= rules.LONGEST_NAME and name.isprintable()
    assert rules.signer_name(name) == name


def test_a_browsers_name_is_cut():
    assert rules.user_agent("a\r\nb\x00" + "c" * 1000) == "ab" + "c" * 298
