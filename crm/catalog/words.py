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
_NAME_AND_NUMBER = re.compile(r"([a-z]{3,})([0-9][a-z0-9]*)")


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
    """A name and the number grown to it: `iphone15` is `iphone`, `15`; `s21` stays."""
    grown = _NAME_AND_NUMBER.fullmatch(token)
    return list(grown.groups()) if grown else [token]


def slips(typed: str, word: str) -> int:
    """How many slips (a wrong, missing, extra sign or a swap) lead to `typed` from a beginning of
    `word`."""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, sign in enumerate(typed, start=1):
        before, above, row = row, before, [i]
        for j, other in enumerate(word, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (sign != other))
            if i > 1 and j > 1 and sign == word[j - 2] and typed[i - 2] == other:
                best = min(best, above[j - 2] + 1)
            row.append(best)
    return min(row)


def likest(typed: str, known: Iterable[str]) -> list[str]:
    """Of the known words those fewest slips away, one slip for each three signs at most."""
    counted = {word: slips(_as_heard(typed), _as_heard(word)) for word in known}
    fewest = min(counted.values(), default=0)
    if fewest > max(1, len(typed) // 3):
        return []
    return [word for word, count in counted.items() if count == fewest]


def _as_heard(word: str) -> str:
    """Who writes by ear writes `ifone`."""
    return word.replace("ph", "f")
