"""Pure: the words a model is found by, and the words of what somebody types.

A model is known by each word of its brand, name, year and numbers, and by each ending of the name
written without blanks: "Galaxy S21 Ultra" is found by `s21`, `s21ultra` and `galaxys21ultra`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MOST_TOKENS = 8
MOST_TOKEN_SIGNS = 40
_TOKEN = re.compile(r"[a-z0-9]+")
_LETTERS_OR_DIGITS = re.compile(r"[a-z]+|[0-9]+")


def tokens(text: str) -> list[str]:
    """Lower case, without accents; `+` is read as "plus"."""
    plain = unicodedata.normalize("NFKD", text.replace("+", " plus ")).casefold()
    return _TOKEN.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


def of_model(brand: str, name: str, year: int, model_numbers: Iterable[str]) -> list[str]:
    found = {str(year)}
    for text in (f"{brand} {name}", *model_numbers):
        parts = tokens(text)
        found.update(parts)
        found.update("".join(parts[start:]) for start in range(len(parts)))
    return sorted(found)


def vocabulary(brand: str, name: str) -> set[str]:
    """The words worth correcting to: no numbers, for a slip in those is another device."""
    return {token for token in tokens(f"{brand} {name}") if token.isalpha() and len(token) > 2}


def typed(text: str) -> list[str]:
    """The words of a search, cut to what is worth looking for."""
    return [token[:MOST_TOKEN_SIGNS] for token in tokens(text)[:MOST_TOKENS]]


def split(token: str) -> list[str]:
    """Letters and digits apart: `iphone15` is `iphone`, `15`."""
    return _LETTERS_OR_DIGITS.findall(token)


def slug(text: str) -> str:
    return "-".join(tokens(text))
