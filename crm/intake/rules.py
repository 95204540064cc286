"""Pure rules of handing in: serial numbers, device classes and what a checklist asks.

The lists themselves are data (`data/checklists.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crm.core.errors import Invalid

DATA = Path(__file__).parent / "data"
IMEI_DIGITS = 15
_BETWEEN = re.compile(r"[\s/.\-]")


class Condition(StrEnum):
    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"


class DeviceClass(StrEnum):
    PHONE = "phone"
    TABLET = "tablet"
    LAPTOP = "laptop"
    DESKTOP = "desktop"
    CONSOLE = "console"
    OTHER = "other"


class Stage(StrEnum):
    """BEFORE gates the start of the work, AFTER the hand-over."""

    BEFORE = "before"
    AFTER = "after"


class Result(StrEnum):
    OK = "ok"
    NOT_OK = "not_ok"
    NOT_TESTABLE = "not_testable"


@dataclass(frozen=True)
class Item:
    """words: locale -> the sentence that is judged `ok`, `not_ok` or `not_testable`."""

    slug: str
    words: Mapping[str, str]


@dataclass(frozen=True)
class Lists:
    version: int
    icons: Mapping[str, DeviceClass]
    classes: Mapping[DeviceClass, Mapping[Stage, Sequence[Item]]]


@cache
def lists() -> Lists:
    told: dict[str, Any] = yaml.safe_load((DATA / "checklists.yaml").read_text())
    items = {slug: Item(slug, words) for slug, words in told["items"].items()}
    return Lists(
        version=told["version"],
        icons={icon: DeviceClass(name) for icon, name in told["icons"].items()},
        classes={
            DeviceClass(name): {
                Stage(s): [items[slug] for slug in slugs] for s, slugs in of.items()
            }
            for name, of in told["classes"].items()
        },
    )


def read_imei(typed: str) -> str:
    """The 15 digits of what was typed or scanned, blanks and dashes forgiven.

    Raises Invalid for another length or a wrong check digit (3GPP TS 23.003, annex B).
    """
    digits = _BETWEEN.sub("", typed)
    if not (digits.isascii() and digits.isdigit() and len(digits) == IMEI_DIGITS):
        raise _bad_imei("An IMEI has 15 digits; dial *#06# to see it.")
    if luhn_sum(digits) % 10 or not int(digits):
        raise _bad_imei("The check digit does not fit: one of the digits is wrong.")
    return digits


def _bad_imei(told: str) -> Invalid:
    return Invalid("the IMEI does not fit", errors={"imei": [told]}, code="wrong-imei")


def luhn_sum(digits: str) -> int:
    """Every second digit from the right counts double, as the sum of its own digits."""
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return sum(doubled) + sum(int(one) for one in digits[-1::-2])


def read_serial(typed: str) -> str | None:
    """As makers print it: capitals, no blanks. None for blanks alone."""
    return "".join(typed.split()).upper() or None
