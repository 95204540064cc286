"""/admin/messages: every message as it looks on every channel, made of example values.

What is shown is what would be sent: the same texts, the same e-mail, the same count of segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage

from flask import make_response, render_template, request
from werkzeug.wrappers import Response

from bridge import headers, languages
from bridge.admin.views import blueprint
from bridge.auth import allow, principal
from bridge.context import here
from bridge.integrations.addressed import Letter
from bridge.integrations.mail import layout
from bridge.integrations.mail.messages import Sender, compose, read_sender, subject_of
from bridge.pages.answers import money
from crm.core.errors import NotFound
from crm.notifications import rules, samples, texts
from crm.notifications.rules import Kind, Rule
from crm.texting import prices, segments

NAME = "<string(maxlength=60):name>"
SCHEMES = ("light", "dark")
WIDTHS = ("desktop", "phone")
# Written, not fetched: nothing of ours or of others is loaded, no script runs, only we may frame it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
# Of a mobile in the country where most who read the language live; the price depends on it.
_MOBILES = {"en": "+447700900123", "pt": "+351912345678"}


# Where the pages are that crm/notifications/samples.py links to.
_EXAMPLE_SITE = "https://repairs.quayphones.example"


@dataclass(frozen=True)
class Text:
    """A text message. price: written out, of all segments."""

    words: str
    encoding: str
    segments: int
    price: str


@dataclass(frozen=True)
class Example:
    """chat: None for codes, which never go by chat. sms: None for the shop's own letters."""

    name: str
    rule: Rule
    subject: str
    plain: str
    chat: str | None
    sms: Text | None


@blueprint.get("/messages")
@allow("notifications.read")
def messages() -> Response:
    locale, scheme, width = _locale(), _scheme(), _chosen("width", WIDTHS)
    return _framing(
        render_template(
            "admin/messages.html",
            examples=[_example(name, locale) for name in _names(locale)],
            locale=locale,
            locales=languages.offered(),
            scheme=scheme,
            width=width,
            me=principal(),
        )
    )


@blueprint.get(f"/messages/{NAME}/mail")
@allow("notifications.read")
def mail_example(name: str) -> Response:
    """The HTML part alone, for a frame."""
    locale = _locale()
    if name not in set(_names(locale)):
        raise NotFound("no such message")
    page = _mail(_letter(name, locale)).get_body(("html",)).get_content()
    response = make_response(layout.seen(page, _scheme()))
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Content-Language"] = locale
    return response


def _framing(page: str) -> Response:
    response = make_response(page)
    response.headers["Content-Security-Policy"] = f"{headers.POLICY}; frame-src 'self'"
    return response


def _names(locale: str) -> Iterator[str]:
    """In the order of the rules, without those that are not written yet."""
    folder = texts.TEMPLATES / locale
    known = samples.names()
    return (
        name for name in rules.defaults() if name in known and (folder / f"{name}.subject").exists()
    )


def _example(name: str, locale: str) -> Example:
    letter = _letter(name, locale)
    rule = rules.defaults()[name]
    return Example(
        name,
        rule,
        subject_of(letter, here().shop.name),
        _mail(letter).get_body(("plain",)).get_content(),
        letter.text if rule.kind != Kind.CODE else None,
        _text(letter) if rule.kind != Kind.STAFF else None,
    )


def _letter(name: str, locale: str) -> Letter:
    shop = here().shop
    values = samples.sample(name, locale)
    if "shop" in values:
        values["shop"] = shop.name
    has_chat = (texts.TEMPLATES / locale / f"{name}.chat").exists()
    text = texts.render(locale, name, "chat" if has_chat else "sms", values)
    short = texts.short(locale, name, values)
    return Letter(
        to="customer@example.com",
        text=_at_home(text),
        template=name,
        locale=locale,
        subject_ref=values.get("ref") or "",
        short_text=_at_home(short) if short else None,
        variables={key: _at_home(value) for key, value in values.items() if isinstance(value, str)},
        customer_id=0,
        code=values.get("code") or values.get("collection_code"),
    )


def _at_home(text: str) -> str:
    """With the addresses of the examples moved to where our pages are."""
    return text.replace(_EXAMPLE_SITE, here().shop.links.public_url)


def _mail(letter: Letter) -> EmailMessage:
    context = here()
    told = context.settings.mail
    sender = Sender(context.shop.name, "shop@example.com")
    if told is not None:
        sender = read_sender(told.mail_from, told.reply_to)
    return compose(letter, sender, context.shop, letter.template, datetime.now(UTC))


def _text(letter: Letter) -> Text:
    words = segments.short_words(letter.short_text or letter.text)
    count = segments.counted(words)
    cost = prices.of_sms(_MOBILES[letter.locale], count.segments)
    return Text(words, count.encoding, count.segments, money(cost.minor, cost.currency))


def _locale() -> str:
    """Of the messages; without a wish that of the page."""
    wish = request.args.get("locale", "")
    return wish if wish in texts.LOCALES else languages.chosen()


def _scheme() -> str:
    return _chosen("scheme", SCHEMES)


def _chosen(field: str, allowed: tuple[str, ...]) -> str:
    wish = request.args.get(field, "")
    return wish if wish in allowed else allowed[0]
