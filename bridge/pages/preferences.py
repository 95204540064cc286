"""`/preferences/<token>`: how, when and how often a customer wants to hear from the shop.

The link is the proof of who may choose; the page names no person and no address. Opening it changes
nothing. Mail programs unsubscribe by one POST without page or cookie (RFC 8058).
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import PREFERENCES, limiter
from bridge.pages.answers import answer
from crm.core import clock
from crm.core.errors import Invalid, NotFound
from crm.core.events import Actor
from crm.core.hours import read_clock
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.notifications import preferences, texts
from crm.notifications.rules import CHANNELS, Frequency, Hours, Wishes

blueprint = Blueprint("preferences", __name__)

FIRST, ALSO, NEVER = "first", "also", "never"
AUTHOR = Actor("customer", "Preferences page")
ONE_CLICK = Actor("customer", "One-click unsubscribe")
CHANNEL_WORDS: dict[str, LazyString] = {
    "chatwoot": _("The chat"),
    "mail": _("E-mail"),
    "whatsapp": _("WhatsApp"),
    "sms": _("Text message"),
}
FREQUENCY_WORDS: dict[str, tuple[LazyString, LazyString]] = {
    "all": (_("Everything"), _("Every step of a repair.")),
    "milestones": (_("The main steps"), _("When it arrives, is done, and can be collected.")),
    "essential": (_("Only what matters"), _("When you have to decide, pay, come or wait longer.")),
    "none": (_("Nothing"), _("Only codes that you ask for yourself.")),
}
WAYS: dict[str, LazyString] = {
    FIRST: _("First"),
    ALSO: _("Also"),
    NEVER: _("Never"),
}
PROBLEMS: dict[str, LazyString] = {
    "invalid": _("That is none of the choices. Please choose again."),
    "hours": _("Give both times, or neither, as hours and minutes."),
    "hours-empty": _("Give two different times, or leave both empty for any time."),
    "limited": _("That was many times within an hour. Please wait a little."),
}


@blueprint.get("/preferences/<token>")
def preferences_page(token: str) -> Response:
    return _page(token)


@blueprint.post("/preferences/<token>")
@limiter.limit(
    PREFERENCES,
    key_func=lambda: counted_as(request.view_args or {}),
    on_breach=lambda _limit: _page((request.view_args or {})["token"], "limited", 429),
)
def change(token: str) -> Response | Redirect:
    """Sent twice it happens once."""
    if request.form.get("List-Unsubscribe") == "One-Click":
        return _unsubscribe(token)
    refuse_foreign_form()
    language = request.form.get("language", "")
    try:
        with here().units() as uow:
            customer = customer_of(uow, token)
            before = preferences.locked(uow, customer.id)
            wishes = _wishes(before)
            if language not in texts.LOCALES:
                raise Invalid("no such language")
            if language != texts.closest(customer.locale, here().shop.locale):
                customers.update(uow, customer.ref, {"locale": language}, AUTHOR)
            if wishes != before:
                preferences.change(uow, customer.id, wishes, AUTHOR)
    except NotFound:
        return nothing()
    except Invalid as error:
        return _page(token, error.code, error.status)
    # Without `?lang=`: the answer is in the language that was just chosen.
    return redirect(url_for(".preferences_page", token=token, saved=1), 303)


def _unsubscribe(token: str) -> Response:
    try:
        with here().units() as uow:
            end_marketing(uow, customer_of(uow, token), ONE_CLICK)
    except NotFound:
        return nothing()
    return Response("Unsubscribed.\n", 200, mimetype="text/plain")


def end_marketing(uow: UnitOfWork, customer: Customer, actor: Actor) -> None:
    wishes = preferences.locked(uow, customer.id)
    if wishes.marketing is not False:
        preferences.change(uow, customer.id, replace(wishes, marketing=False), actor)


def _wishes(before: Wishes) -> Wishes:
    """As the form says. What it does not show is kept. Raises Invalid (`invalid`, as `_hours`)."""
    form = request.form
    offered = _offered()
    ways = _ways()
    frequency, marketing = form.get("frequency"), form.get("marketing")
    is_known = frequency in tuple(Frequency) and marketing in ("yes", "no", None)
    if not is_known or not {*ways.values()} <= {*WAYS}:
        raise Invalid("none of the choices")
    kept = [one for one in before.channels if ways.get(one, FIRST) == FIRST]
    first = [one for one in offered if ways[one] == FIRST and one not in kept]
    hidden = [one for one in before.blocked if one not in offered]
    return Wishes(
        channels=(*kept, *first),
        blocked=(*(one for one in offered if ways[one] == NEVER), *hidden),
        hours=_hours(form.get("from", ""), form.get("to", "")),
        frequency=Frequency(frequency),
        marketing=before.marketing if marketing is None else marketing == "yes",
    )


def _ways() -> dict[str, str | None]:
    """What the form says of each channel that is offered."""
    return {name: request.form.get(f"way_{name}") for name in _offered()}


def _hours(start: str, end: str) -> Hours | None:
    """Raises Invalid (`hours`)."""
    if not start and not end:
        return None
    try:
        return Hours(read_clock(start), read_clock(end))
    except ValueError as error:
        raise Invalid("not two times", code="hours") from error


def _offered() -> tuple[str, ...]:
    """The channels this shop has, in the usual order."""
    present = {channel.name for one in here().integrations for channel in one.channels}
    return tuple(name for name in CHANNELS if name in present)


def customer_of(uow: UnitOfWork, token: str) -> Customer:
    """After a merge the one that stayed; the page speaks their language. Raises NotFound."""
    customer_id = here().shop.links.read_preferences(token, uow.now)
    customer = uow.session.get(Customer, customer_id) if customer_id is not None else None
    if customer is None:
        raise NotFound("this link opens nothing")
    kept = customers.by_ref(uow, customer.ref)
    languages.speak(kept.locale)
    return kept


def counted_as(view_args: dict[str, str]) -> str:
    customer_id = here().shop.links.read_preferences(view_args["token"], clock.now())
    return get_remote_address() if customer_id is None else f"preferences:{customer_id}"


def _page(token: str, problem: str | None = None, status: int = 200) -> Response:
    with here().units() as uow:
        try:
            customer = customer_of(uow, token)
        except NotFound:
            return nothing()
        wishes = preferences.wishes_of(uow, customer.id)
        language = texts.closest(customer.locale, here().shop.locale)
    channels = {name: CHANNEL_WORDS[name] for name in _offered()}
    blocked = [words for name, words in channels.items() if name in wishes.blocked]
    first = [channels[name] for name in wishes.channels if name in channels]
    return answer(
        "pages/preferences.html",
        status,
        is_private=True,
        wishes=wishes,
        chosen=_chosen(wishes, language) if problem is None else _typed(),
        channels=channels,
        ways=WAYS,
        first=first,
        blocked=blocked,
        is_silent=wishes.frequency == Frequency.NONE or 0 < len(channels) == len(blocked),
        frequencies=FREQUENCY_WORDS,
        was_saved=request.args.get("saved") == "1" and problem is None,
        problem=PROBLEMS.get(problem, PROBLEMS["invalid"]) if problem else None,
    )


def _chosen(wishes: Wishes, language: str) -> dict[str, object]:
    """What the form shows at first."""
    hours = wishes.hours
    return {
        "frequency": wishes.frequency,
        "ways": {name: _way(wishes, name) for name in CHANNELS},
        "start": hours.start.strftime("%H:%M") if hours else "",
        "end": hours.end.strftime("%H:%M") if hours else "",
        "language": language,
        "marketing": {True: "yes", False: "no", None: None}[wishes.marketing],
    }


def _way(wishes: Wishes, name: str) -> str:
    return FIRST if name in wishes.channels else NEVER if name in wishes.blocked else ALSO


def _typed() -> dict[str, object]:
    """What the form shows again when something does not fit."""
    form = request.form
    names = ("frequency", "language", "marketing")
    return {
        **{name: form.get(name) for name in names},
        "ways": _ways(),
        "start": form.get("from", "")[: len("HH:MM")],
        "end": form.get("to", "")[: len("HH:MM")],
    }


def nothing() -> Response:
    return answer("pages/no_signing.html", 404, is_private=True)
