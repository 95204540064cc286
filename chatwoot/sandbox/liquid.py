"""The small part of Liquid that outgoing messages meet before they are stored.

api.md 4.2: a known variable is replaced, an unknown one becomes empty, tags vanish, a syntax
error leaves the whole text untouched, and text between backticks is protected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PROTECTED = re.compile(r"(```.*?```|`[^`]*`)", re.DOTALL)
_MARKUP = re.compile(
    r"\{%-?\s*raw\s*-?%\}(?P<raw>.*?)\{%-?\s*endraw\s*-?%\}"
    r"|\{\{(?P<expression>.*?)\}\}"
    r"|\{%.*?%\}",
    re.DOTALL,
)
_LITERAL = re.compile(r"\s*(\"[^\"]*\"|'[^']*')\s*")
_VARIABLE = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(\|[^{}]*)?")


class _SyntaxFault(Exception):
    """The text is not Liquid."""


def render(text: str, variables: Mapping[str, Any]) -> str:
    """variables: dotted name ("contact.name") -> value."""
    pieces = _PROTECTED.split(text)
    try:
        pieces[::2] = [_render_piece(piece, variables) for piece in pieces[::2]]
    except _SyntaxFault:
        return text
    return "".join(pieces)


def _render_piece(piece: str, variables: Mapping[str, Any]) -> str:
    left = _MARKUP.sub("", piece)
    if "{{" in left or "{%" in left:
        raise _SyntaxFault
    return _MARKUP.sub(lambda match: _value(match, variables), piece)


def _value(match: re.Match[str], variables: Mapping[str, Any]) -> str:
    if match["raw"] is not None:
        return match["raw"]
    expression = match["expression"]
    if expression is None or not expression.strip():
        return ""
    if literal := _LITERAL.fullmatch(expression):
        return literal[1][1:-1]
    variable = _VARIABLE.fullmatch(expression)
    if variable is None:
        raise _SyntaxFault
    value = variables.get(variable[1])
    return "" if value is None else str(value)
