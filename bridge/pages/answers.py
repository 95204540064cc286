"""What the pages of the shop window and of bookings share: the answer, addresses, money and time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import get_currency_precision
from flask import Response, make_response, redirect, render_template, request, url_for
from flask_babel import format_currency, format_decimal, get_locale
from werkzeug.wrappers import Response as Redirect

from bridge import languages


def answer(
    template: str, status: int = 200, *, is_private: bool = False, **values: object
) -> Response:
    """is_private: opened by a token; nobody keeps it or lists it."""
    page = render_template(
        template,
        languages=languages.offered(),
        money=money,
        spoken=spoken,
        hours=hours,
        link=link,
        **values,
    )
    response = languages.mark(make_response(page, status))
    if is_private:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def link(endpoint: str, **values: object) -> str:
    """An address that keeps the language chosen by hand."""
    return url_for(endpoint, **values, lang=request.args.get("lang"))


def onward(endpoint: str, **values: object) -> Redirect:
    """After a form: the next page is fetched anew, so that reloading it sends nothing twice."""
    return redirect(link(endpoint, **values), 303)


def money(minor: int, currency: str) -> str:
    digits = get_currency_precision(currency)
    return format_currency(Decimal(minor).scaleb(-digits), currency)


def hours(minutes: int) -> str:
    """Of work, to half an hour or so."""
    return format_decimal(round(minutes / 60, 1))


_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "day": {"en": "EEEE d MMMM", "pt": "EEEE, d 'de' MMMM"},
    "time": {"en": "HH:mm", "pt": "HH:mm"},
    "whole": {"en": "EEEE d MMMM y, HH:mm", "pt": "EEEE, d 'de' MMMM 'de' y, HH:mm"},
}


def spoken(moment: datetime, zone: ZoneInfo | None, kind: str = "whole") -> str:
    """As the clock of the place shows it. kind: `day`, `time` or `whole`."""
    pattern = _PATTERNS[kind][languages.chosen()]
    return format_datetime(moment, pattern, tzinfo=zone, locale=get_locale())
