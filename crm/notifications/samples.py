"""Example values for every message, so that it can be shown before anything has happened.

Used to look at messages and to proof-read the templates; no customer ever gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crm.notifications import texts

DATA = Path(__file__).parent / "data" / "samples.yaml"


def sample(name: str, locale: str) -> dict[str, Any]:
    """All the message of this name is made of. Raises KeyError when nobody knows it."""
    return {key: _in(locale, value) for key, value in _samples()[name].items()}


def names() -> frozenset[str]:
    return frozenset(name for name in _samples() if not name.startswith("_"))


@cache
def _samples() -> Mapping[str, Mapping[str, Any]]:
    return yaml.safe_load(DATA.read_text("utf-8"))


def _in(locale: str, value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == set(texts.LOCALES):
            return _in(locale, value[locale])
        return {key: _in(locale, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_in(locale, part) for part in value]
    return value
