"""What a label says, and on which paper. Drawing it is left to `sheets.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

COLUMNS, ROWS = 3, 8
PLACES_A_SHEET = COLUMNS * ROWS


class Size(StrEnum):
    """LABEL: one label of 62 × 29 mm a page. A4: sheets of 24 labels of 70 × 37 mm."""

    LABEL = "62x29"
    A4 = "a4"


@dataclass(frozen=True)
class Label:
    """code: what the QR code says. heading: large. lines: below it. foot: small, at the end."""

    code: str
    heading: str
    lines: tuple[str, ...] = ()
    foot: str = ""
