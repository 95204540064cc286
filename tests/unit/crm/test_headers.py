"""Moments and waits in headers of others."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from crm.core.headers import http_date, retry_after

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("999999", 86400),
        ("9" * 40, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("Sat, 21 Nov 2026 12:01:00", 60),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86400),
        ("Sat, 21 Nov 99999999999999999999 12:00:00 GMT", None),
        ("Sat, 31 Feb 2026 12:00:00 GMT", None),
    ],
)
def test_how_long_to_wait(value: str | None, seconds: float | None):
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", [None, "", "yesterday", "21/11/2026", "\0", "💥" * 10_000])
def test_what_is_no_date(value: str | None):
    assert http_date(value) is None
