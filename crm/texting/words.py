"""Which messages mean "write no more" and "write again": `data/words.yaml`."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data" / "words.yaml"
STOP, CANCEL, START, START_AGAIN = "stop", "cancel", "start", "start_again"
LONGEST = 40
# What people put between and around the letters: "Stop all.", "opt-out", "STOP!".
_BETWEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\-.!\"'“”‘’]+")


@cache
def _meanings() -> dict[str, str]:
    told = yaml.safe_load(DATA.read_text("utf-8"))
    return {word.casefold(): meaning for meaning, words in told.items() for word in words}


def meaning(text: str) -> str | None:
    """`stop`, `cancel` (a stop, or about a booking), `start`, `start_again` (only from somebody who
    said stop) or None.
    """
    if len(text) > LONGEST:
        return None
    word = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _meanings().get(word)
