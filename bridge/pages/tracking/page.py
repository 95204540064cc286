"""`/track/<token>`: one repair for whoever holds its link, the part of it that changes, its day as a
calendar entry, and the words its customer writes to us.

The link is the proof and is all that is needed; the page shows nothing personal. It works without
script; with it, `stream.py` tells it of changes and it fetches the changing part again.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any

from babel.dates import format_interval
from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from markupsafe import Markup
from werkzeug.http import quote_etag
from werkzeug.wrappers import Response as Redirect

from bridge import languages, transfers
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import WRITING, limiter
from bridge.pages.answers import answer, money, onward
from bridge.pages.tracking import cover, due, gallery, progress, ready, tracked
from bridge.pages.tracking.words import AFTER_THE_END, FLAG_WORDS, STATUS_WORDS, TOLD_OUTCOMES
from crm import writing
from crm.bookings import queries as bookings
from crm.core import clock
from crm.core.uow import UnitOfWork
from crm.files import queries as files
from crm.repairs.models import Repair

blueprint = Blueprint("tracking", __name__)

MOST_SIGNS = 2000
WARRANTY = "warranty"  # what the form is about
PROBLEMS: dict[str, LazyString] = {
    "empty": _("Write a few words first."),
    "too-long": _("That is more than 2,000 signs. Shorten it, please."),
    "limited": _("You have written five times within an hour. Please wait a little."),
}


@dataclass(frozen=True)
class Draft:
    """What stands in the form. form: names this form, so that it is taken once."""

    text: str = ""
    problem: LazyString | None = None
    was_sent: bool = False
    form: str = ""


@blueprint.app_template_filter("days")
def days(expected: progress.Expected) -> str:
    """A range as the language writes it: `23–24 November 2026`."""
    return format_interval(expected.first_on, expected.last_on, "yMMMMd", locale=get_locale())


@blueprint.get("/track/<token>")
@tracked.guarded
def track(token: str) -> Response:
    return _part(token) if request.args.get("part") == "1" else _page(token)


@blueprint.get("/track/<token>/ready.ics")
@tracked.guarded
def ready_day(token: str) -> Response:
    shop = here().shop
    with here().units() as uow:
        repair = tracked.repair(uow, token)
        expected = progress.expected(uow, repair, shop.timezone) if repair else None
        if repair is None or expected is None:
            return tracked.nothing()
        summary = _("Repair %(ref)s should be ready", ref=repair.ref)
        entry = ready.entry(uow, shop, repair, expected, str(summary))
    response = make_response(entry)
    response.mimetype = "text/calendar"
    response.headers["Content-Disposition"] = f'attachment; filename="{repair.ref}.ics"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/track/<token>")
@tracked.guarded
@limiter.limit(
    WRITING,
    key_func=lambda: _counted_as(request.view_args or {}),
    deduct_when=lambda response: response.status_code == 303,
    on_breach=lambda _limit: _too_often(request.view_args or {}),
)
def write(token: str) -> Response | Redirect:
    """Pressed twice, the words arrive once. About a warranty that is over they are words all the same."""
    refuse_foreign_form()
    text = request.form.get("text", "").replace("\r\n", "\n").replace("\0", "").strip()
    form = request.form.get("form", "")[:64]
    problem = "empty" if not text else "too-long" if len(text) > MOST_SIGNS else None
    if problem:
        return _page(token, Draft(text[: 2 * MOST_SIGNS], PROBLEMS[problem], form=form), 422)
    with here().units() as uow:
        repair = tracked.repair(uow, token)
        if repair is None:
            return tracked.nothing()
        claim = _claim(uow, repair) if request.form.get("about") == WARRANTY else None
        writing.write(uow, here().seal, repair.id, text, form=form, claim=claim)
    return onward(".track", token=token, written=1, _anchor="write")


def _page(token: str, draft: Draft | None = None, status: int = 200) -> Response:
    values = _values(token)
    if values is None:
        return tracked.nothing()
    if draft is None:
        draft = Draft(was_sent=request.args.get("written") == "1")
    if not draft.form:
        draft = replace(draft, form=secrets.token_hex(16))
    part = _rendered(values)
    return answer(
        "pages/track.html",
        status,
        is_private=True,
        part=Markup(part),
        etag=quote_etag(_etag(part)),
        draft=draft,
        is_claim=_is_claim(values["cover"]),
        most_signs=MOST_SIGNS,
        **values,
    )


def _part(token: str) -> Response:
    """What changes, alone. The script keeps the ETag: nothing else may keep the answer."""
    values = _values(token)
    if values is None:
        return tracked.nothing()
    part = _rendered(values)
    response = make_response(part)
    response.set_etag(_etag(part))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = languages.chosen()
    response.vary.add("Accept-Language")
    return response.make_conditional(request)


def _rendered(values: dict[str, object]) -> str:
    return render_template("pages/track_part.html", lang=languages.chosen(), **values)


def _etag(part: str) -> str:
    return hashlib.sha256(part.encode()).hexdigest()[:24]


def _values(token: str) -> dict[str, Any] | None:
    context = here()
    with context.units() as uow:
        repair: Repair | None = tracked.repair(uow, token)
        if repair is None:
            return None
        shown = progress.of(uow, repair, context.shop.timezone)
        place = bookings.place_of(uow, repair.id)
        covered = cover.of(uow, repair, context.shop.timezone)
        step = due.of(uow, context.shop, repair)
        pictures = gallery.of(files.released(uow, repair.id), transfers.links(), clock.now())
        wishes = _wishes_link(repair)
    return {
        "token": token,
        "wishes_link": wishes,
        "repair": shown,
        "pictures": pictures,
        "price": _price(repair),
        "cover": covered,
        "due": step,
        "place": ", ".join(filter(None, (place.name, place.address))) if place else None,
        "words": STATUS_WORDS,
        "flag_words": FLAG_WORDS,
        "outcome_words": TOLD_OUTCOMES,
        "after_the_end": AFTER_THE_END,
        "zone": context.shop.timezone.key,
    }


def _wishes_link(repair: Repair) -> str | None:
    """Always the same for one repair, as its own link is."""
    if repair.customer_id is None:
        return None
    return here().shop.links.preferences(repair.customer_id, repair.received_at)


def _price(repair: Repair) -> str | None:
    """As it was told to the customer; None while nobody named one."""
    if repair.estimate_minor is None:
        return None
    return money(repair.estimate_minor, repair.currency)


def _claim(uow: UnitOfWork, repair: Repair) -> writing.Claim | None:
    found = cover.of(uow, repair, here().shop.timezone)
    if found is None or not found.lines:
        return None
    return writing.Claim(str(_("Warranty claim")), [one.slug for one in found.lines])


def _is_claim(found: cover.Cover | None) -> bool:
    """Whether the form asks for a problem under warranty."""
    return bool(found and found.lines) and request.values.get("about") == WARRANTY


def _counted_as(view_args: dict[str, str]) -> str:
    opened = tracked.repair_id(view_args.get("token", ""))
    return f"writing:{opened}" if opened is not None else get_remote_address()


def _too_often(view_args: dict[str, str]) -> Response:
    text = request.form.get("text", "")[: 2 * MOST_SIGNS].replace("\0", "")
    return _page(view_args["token"], Draft(text, PROBLEMS["limited"]), 429)
