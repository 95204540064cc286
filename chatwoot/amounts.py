"""Amounts of money as agents type them: `120`, `120.50`, `120,50`, `£1,200`, `1.200,50 €`."""

from __future__ import annotations

import re

from babel.numbers import get_currency_symbol, list_currencies

from crm.core import money

# Other capitals after a number are words: `120 LCD screen`.
_CODES = "|".join(sorted(list_currencies()))
_AMOUNT = re.compile(
    r"(?P<before>[^\W\d_]{3}|[£$€¥])?\s*(?P<number>[0-9](?:[0-9.,']*[0-9])?)"
    rf"(?:\s?(?P<after>[£$€¥]|(?:{_CODES})(?!\w)))?(?=\s|$)"
)
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,'])[0-9]{3})(?:\1[0-9]{3})*")


def read_amount(text: str, currency: str) -> tuple[int | None, str]:
    """The amount at the start of `text` in minor units, and what follows it.

    None for what is no amount, one of another currency, one with more decimals than the currency
    has, and for 0. A lone sign before three digits separates thousands.
    """
    found = _AMOUNT.match(text)
    if found is None:
        return None, text
    ours = {currency, get_currency_symbol(currency, locale="en"), None}
    if not {found["before"] and found["before"].upper(), found["after"]} <= ours:
        return None, text
    minor = _minor(found["number"], money.digits(currency))
    return minor or None, text[found.end() :].strip()


def _minor(number: str, digits: int) -> int | None:
    whole, decimals = number, ""
    head, _sign, tail = _parted(number)
    if head and len(tail) != 3:
        whole, decimals = head, tail
    grouped = re.fullmatch(r"[0-9]+", whole) or _GROUPED.fullmatch(whole)
    if grouped is None or len(whole) > 15 or len(decimals) > digits:
        return None
    return int(re.sub(r"\D", "", whole)) * 10**digits + int((decimals or "0").ljust(digits, "0"))


def _parted(number: str) -> tuple[str, str, str]:
    """At the last dot or comma."""
    place = max(number.rfind("."), number.rfind(","))
    return (number[:place], number[place], number[place + 1 :]) if place > 0 else ("", "", number)
