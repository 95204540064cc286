"""The one place that asks what time it is. Everything inside is aware UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def from_unix(seconds: float | int | None) -> datetime | None:
    """Unix seconds to UTC; None and 0 (Chatwoot's "never") give None.

    Raises ValueError for a number no calendar holds.
    """
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"not a moment in time: {seconds!r}") from error


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with `Z`, to the millisecond, as the API writes every moment."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
