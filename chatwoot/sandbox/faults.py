"""Switches for everything that can go wrong on the way, all off by default.

Deciding happens here, so that one seed repeats a run; acting on it is left to the API
(`disturb.py`) and to the deliveries (`hooks.py`).
"""

from __future__ import annotations

import random
import threading
from typing import Any

DEFAULTS: dict[str, Any] = {
    "webhook_drop": 0,
    "webhook_delay_ms": [0, 0],
    "webhook_double": 0,
    "webhook_reorder": False,
    "api_500_after_save": 0,
    "api_cut_after_save": 0,
    "api_hang_seconds": 0,
    "api_status_next": [],
    "refuse": False,
    "rate_limit_per_minute": 3000,
    "contact_search_limit_per_minute": 100,
    "seed": None,
}
CHANCES = ("webhook_drop", "webhook_double", "api_500_after_save", "api_cut_after_save")
REORDER_WINDOW_SECONDS = 0.5


class Faults:
    """The current switches.

    A chance is a probability from 0 to 1 as a number, or `{"next": N}` for the next N times.
    webhook_delay_ms: [least, most]. api_status_next: [{"status", "count", "retry_after"?}].
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random()
        self._values = dict(DEFAULTS)

    def values(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._values)

    def change(self, wanted: dict[str, Any]) -> None:
        """Set the named switches. Raises ValueError for an unknown name or a value that
        does not fit; nothing is changed then."""
        for name, value in wanted.items():
            _check(name, value)
        with self._lock:
            self._values.update(wanted)
            if "seed" in wanted:
                self._random.seed(wanted["seed"])

    def reset(self) -> None:
        with self._lock:
            self._values = dict(DEFAULTS)

    def get(self, name: str) -> Any:
        return self._values[name]

    def happens(self, name: str) -> bool:
        """Draw one of the CHANCES; a counted one is used up by a hit."""
        with self._lock:
            value = self._values[name]
            if isinstance(value, dict):
                if value["next"] <= 0:
                    return False
                self._values[name] = {"next": value["next"] - 1}
                return True
            return bool(value) and self._random.random() < value

    def delay_seconds(self) -> float:
        """How long the next delivery waits, the shuffling of webhook_reorder included."""
        with self._lock:
            least, most = self._values["webhook_delay_ms"]
            delay = self._random.uniform(least, most) / 1000 if most else 0.0
            if self._values["webhook_reorder"]:
                delay += self._random.uniform(0, REORDER_WINDOW_SECONDS)
            return delay

    def forced_status(self) -> dict[str, Any] | None:
        """The status the next API call has to answer, or None."""
        with self._lock:
            waiting = self._values["api_status_next"]
            if not waiting:
                return None
            first = dict(waiting[0])
            left = first.get("count", 1) - 1
            rest = waiting[1:]
            self._values["api_status_next"] = [{**first, "count": left}, *rest] if left else rest
            return first


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(name: str, value: Any) -> None:
    if name not in DEFAULTS:
        raise ValueError(f"unknown switch {name}")
    if name in CHANCES:
        counted = isinstance(value, dict) and set(value) == {"next"} and type(value["next"]) is int
        good = counted or (_is_number(value) and 0 <= value <= 1)
    elif name == "webhook_delay_ms":
        good = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
        good = good and 0 <= value[0] <= value[1]
    elif name == "api_status_next":
        good = isinstance(value, list) and all(map(_is_forced_status, value))
    elif name in ("webhook_reorder", "refuse"):
        good = isinstance(value, bool)
    elif name == "seed":
        good = value is None or isinstance(value, int | str)
    else:
        good = _is_number(value) and value >= 0
    if not good:
        raise ValueError(f"{name} does not take {value!r}")


def _is_forced_status(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and type(item.get("status")) is int
        and 400 <= item["status"] <= 599
        and type(item.get("count", 1)) is int
        and item.get("count", 1) >= 1
    )
