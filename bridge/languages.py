"""Which language and time zone a page speaks: `?lang=`, else that of the customer it is for, else
Accept-Language, else the shop's.

The same for customers and staff; the description of the API alone is always in English.

Words are in `bridge/translations`; the English ones are the message ids themselves.
"""

from __future__ import annotations

from typing import TypeVar

from babel import Locale
from flask import Flask, g, request
from flask_babel import Babel, refresh
from werkzeug.wrappers import Response

from bridge.context import Context, here
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications.texts import LOCALES, REGIONS, closest

Answer = TypeVar("Answer", bound=Response)


def init_app(app: Flask, context: Context) -> None:
    Babel(
        app,
        default_locale=REGIONS[context.shop.locale],
        default_timezone=context.shop.timezone.key,
        locale_selector=lambda: REGIONS[chosen()],
    )
    app.context_processor(lambda: {"lang": chosen()})


def chosen() -> str:
    wish = request.args.get("lang")
    if wish in LOCALES:
        return wish
    accepted = request.accept_languages.best_match(LOCALES)
    return closest(g.get("customers_locale"), accepted, here().shop.locale)


def speak(locale: str | None) -> None:
    """The page is for somebody with this locale; None when that is not known."""
    g.customers_locale = locale
    refresh()


def speak_to(uow: UnitOfWork, customer_id: int | None) -> None:
    """The page is for this customer: whoever signed in, or to whom its link was given."""
    customer = uow.session.get(Customer, customer_id) if customer_id is not None else None
    speak(customer.locale if customer else None)


def mark(response: Answer) -> Answer:
    """Say which language a page is in, and that others may get it in another."""
    response.headers.setdefault("Content-Language", chosen())
    response.vary.add("Accept-Language")
    return response


def offered() -> list[tuple[str, str]]:
    """Every language as (tag, its own name)."""
    return [(tag, (Locale(tag).display_name or tag).capitalize()) for tag in LOCALES]
