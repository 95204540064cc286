"""What documents say by country and language; both are data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data"
COUNTRIES = ("GB", "PT")
LANGUAGES = ("en", "pt")


@cache
def _read(name: str) -> dict:
    return yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))


def language(locale: str | None) -> str:
    """The language documents are written in for that locale; English for any other."""
    spoken = (locale or "").replace("_", "-").partition("-")[0].lower()
    return spoken if spoken in LANGUAGES else LANGUAGES[0]


def words(spoken: str) -> Mapping[str, str]:
    """Labels of the paper. spoken: one of `LANGUAGES`."""
    return _read("words")[spoken]


def note(country: str, spoken: str, kind: str) -> str:
    """A sentence the law wants. kind: `unregistered margin exempt`."""
    return _read(country.lower())["notes"][spoken][kind]


def may_be_simple(country: str, currency: str, gross_minor: int) -> bool:
    """Whether a document over that amount may leave out the buyer and the sums of tax."""
    limit = _read(country.lower())["simplified"]
    return currency == limit["currency"] and gross_minor <= limit["most_minor"]
