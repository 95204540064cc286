"""The three spellings of time in Chatwoot's bodies; rows keep Unix seconds as floats."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    return time.time()


def iso(moment: float | None) -> str | None:
    """`2026-05-20T09:14:02.182Z`, or None."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def seconds(moment: float | None) -> int:
    """Whole Unix seconds; 0 stands for never."""
    return int(moment) if moment else 0
