"""Which language and time zone a page speaks: `?lang=`, else Accept-Language, else the shop's.

Pages for staff are in English.

Words are in `bridge/translations`; the English ones are the message ids themselves.
"""

from __future__ import annotations

from babel import Locale
from flask import Flask, request
from flask_babel import Babel

from bridge.context import Context, here
from crm.notifications.texts import FALLBACK, LOCALES, REGIONS


def init_app(app: Flask, context: Context) -> None:
    Babel(
        app,
        default_locale=REGIONS[context.shop.locale],
        default_timezone=context.shop.timezone.key,
        locale_selector=lambda: REGIONS[chosen()],
    )


def chosen() -> str:
    if request.blueprint == "admin":
        return FALLBACK
    wish = request.args.get("lang")
    if wish in LOCALES:
        return wish
    return request.accept_languages.best_match(LOCALES, default=here().shop.locale)


def offered() -> list[tuple[str, str]]:
    """Every language as (tag, its own name)."""
    return [(tag, (Locale(tag).display_name or tag).capitalize()) for tag in LOCALES]
