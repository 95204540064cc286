"""Pure rules: which names and drawings a signing page takes.

A drawing is kept as the lines themselves: whole numbers on a fixed sheet. Nothing in them can be
run, decoded or hidden in, and every page draws them in its own colour.
"""

from __future__ import annotations

import json
import unicodedata
from itertools import pairwise

from crm.core.errors import Invalid

LONGEST_NAME = 120
LONGEST_USER_AGENT = 300
SHEET_WIDTH, SHEET_HEIGHT = 600, 200
MOST_STROKES, MOST_POINTS = 200, 4000
MOST_DRAWING_BYTES = 64_000

Stroke = list[list[int]]


def signer_name(typed: str) -> str:
    """The name without control and direction signs. Raises Invalid (`no-name`, `name-too-long`)."""
    signs = "".join(
        " " if sign.isspace() else sign
        for sign in unicodedata.normalize("NFC", typed[: LONGEST_NAME * 10])
        if sign.isspace() or unicodedata.category(sign)[0] != "C"
    )
    name = " ".join(signs.split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"a name has at most {LONGEST_NAME} characters", code="name-too-long")
    if not any(sign.isalpha() for sign in name):
        raise Invalid("type your name", code="no-name")
    return name


def user_agent(told: str) -> str:
    """What a browser calls itself, cut to what a row holds."""
    return "".join(sign for sign in told if sign.isprintable())[:LONGEST_USER_AGENT]


def strokes(sent: str) -> list[Stroke] | None:
    """A drawing as the page's script sends it: JSON, a list of lines of `[x, y]` on the sheet.

    None when nothing was drawn; a tap without a line is nothing. Raises Invalid (`bad-drawing`).
    """
    if not sent.strip():
        return None
    if len(sent) > MOST_DRAWING_BYTES:
        raise _bad_drawing()
    try:
        drawn = json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise _bad_drawing() from error
    if not isinstance(drawn, list) or len(drawn) > MOST_STROKES:
        raise _bad_drawing()
    if not all(isinstance(line, list) and all(map(_is_point, line)) for line in drawn):
        raise _bad_drawing()
    if sum(len(line) for line in drawn) > MOST_POINTS:
        raise _bad_drawing()
    lines = [line for line in drawn if any(a != b for a, b in pairwise(line))]
    return lines or None


def _is_point(one: object) -> bool:
    if not isinstance(one, list) or len(one) != 2:
        return False
    # `True` is an int too.
    if any(type(number) is not int for number in one):
        return False
    return 0 <= one[0] <= SHEET_WIDTH and 0 <= one[1] <= SHEET_HEIGHT


def _bad_drawing() -> Invalid:
    return Invalid("this is no drawing of our page", code="bad-drawing")
