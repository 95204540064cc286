"""The colours, corners and letters of everything people see. Pages take them as CSS variables.

`static/mendline.css` repeats them, because a stylesheet is a file of its own; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Theme:
    """primary_strong: words and fills; the primary alone is too faint on white. edge: of fields."""

    primary: str
    primary_strong: str
    on_primary: str
    surface: str
    background: str
    text: str
    quiet: str
    border: str
    edge: str
    danger: str

    def variables(self) -> Mapping[str, str]:
        """By their names in CSS, without the two dashes."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}


LIGHT = Theme(
    primary="#007aff",
    primary_strong="#0062cc",
    on_primary="#ffffff",
    surface="#ffffff",
    background="#f2f2f7",
    text="#1d1d1f",
    quiet="#5b5b62",
    border="#e5e7eb",
    edge="#85858c",
    danger="#b3261e",
)
DARK = Theme(
    primary="#0a84ff",
    primary_strong="#64b1ff",
    on_primary="#06203d",
    surface="#1c1c1e",
    background="#000000",
    text="#f5f5f7",
    quiet="#aeaeb2",
    border="#38383a",
    edge="#8e8e93",
    danger="#ff8a80",
)
RADIUS = "16px"
FONTS = '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", sans-serif'
