"""Moments and waits as HTTP headers write them (RFC 9110, 5.6.7 and 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_WAIT_SECONDS = 24 * 3600.0


def http_date(value: str | None) -> datetime | None:
    """None when there is none or it cannot be read."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds asked for by a Retry-After header, as number or HTTP date, at most a day.

    None when there is no header or it cannot be read.
    """
    if value and re.fullmatch(r"\d{1,12}", value.strip()):
        seconds = float(value)
    else:
        moment = http_date(value)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), MOST_WAIT_SECONDS)
