"""Codes of tax and their rates; the table is data (`data/taxes.yaml`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from crm.core.errors import Invalid
from crm.core.money import with_tax

DATA = Path(__file__).parent / "data"


@cache
def _table() -> dict:
    return yaml.safe_load((DATA / "taxes.yaml").read_text(encoding="utf-8"))


def codes() -> tuple[str, ...]:
    return tuple(_table()["codes"])


def default() -> str:
    return _table()["default"]


def rate(code: str) -> int:
    """In basis points. Raises Invalid (`tax`)."""
    if code not in _table()["codes"]:
        raise Invalid("no such tax", errors={"tax": [f"One of: {', '.join(codes())}."]})
    return _table()["codes"][code]


def gross(typed_minor: int, code: str) -> int:
    """What a typed price comes to with its tax. Raises Invalid (`tax`)."""
    basis_points = rate(code)
    if _table()["prices_include_tax"]:
        return typed_minor
    return with_tax(typed_minor, basis_points)
