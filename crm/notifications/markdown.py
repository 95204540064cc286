"""Words of others inside notes for agents, which Chatwoot shows as Markdown (CommonMark, tables).

Typed raw, `[Receipt](https://evil.example)` would be a link of ours, `(mention://user/1/x)` would
call a colleague and a line of its own would read as one of Mendline's. Every value of a note passes
`plain`, unless the template quotes it. Chatwoot's own template language is not Markdown's business:
see `chatwoot/liquid.py`.
"""

from __future__ import annotations

import re
from typing import Any

# An address is shown as it is and leads where it says; nothing in it can end it and begin a sign.
_ADDRESS = re.compile(r"(https?://[^\s<>()\[\]{}`*\\|\"']+)", re.IGNORECASE)
# An underscore within a word, such as a status, is no sign.
_SIGNS = re.compile(r"[\\`*\[\]<>~|]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])")
# Chatwoot looks for this in the text itself, before any Markdown.
_MENTION = re.compile(r"(?<=mention):", re.IGNORECASE)
# What makes a heading, a list, a rule or a table where a line begins.
_BEGINNING = re.compile(r"^([0-9]{1,9}(?=[.)](?:\s|$))|(?=[#+\-=:]))")


class Quoted(str):
    """Text that is Markdown already."""

    __slots__ = ()


def plain(value: Any) -> Any:
    """One line that reads as it was typed; what is no text, or quoted already, stays."""
    if not isinstance(value, str) or isinstance(value, Quoted):
        return value
    return _escaped(" ".join(value.splitlines()))


def quoted(text: str) -> Quoted:
    """Each line behind `> `, reading as it was typed. Put an empty line after it."""
    lines = (_escaped(line.strip()) for line in text.splitlines())
    return Quoted("\n".join("> " + _BEGINNING.sub(r"\1\\", line) for line in lines))


def _escaped(text: str) -> str:
    parts = _ADDRESS.split(text)
    parts[::2] = [_MENTION.sub(r"\:", _SIGNS.sub(r"\\\g<0>", part)) for part in parts[::2]]
    return "".join(parts)
