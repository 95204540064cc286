"""A measured figure, its limit if it has one, and how figures are printed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """at_most, at_least: the limit the figure has to keep; None where it is only reported."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_kept(self) -> bool:
        too_much = self.at_most is not None and self.value > self.at_most
        too_little = self.at_least is not None and self.value < self.at_least
        return not too_much and not too_little

    def line(self) -> str:
        limit = ""
        if self.at_most is not None:
            limit = f"(at most {self.at_most:g})"
        elif self.at_least is not None:
            limit = f"(at least {self.at_least:g})"
        mark = "    " if self.is_kept else "MISS"
        value = f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.4g}"
        return f"{mark} {self.name:58} {value:>8} {self.unit} {limit}".rstrip()


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def as_json(figures: Sequence[Figure]) -> str:
    rows = [asdict(figure) | {"is_kept": figure.is_kept} for figure in figures]
    return json.dumps({"machine": machine(), "figures": rows}, indent=2)
