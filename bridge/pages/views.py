"""The addresses of the customer pages: `/` and `/track/<token>`."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from bridge.context import here
from bridge.limits import TRACKING, limiter
from bridge.pages import languages, progress
from bridge.pages.words import AFTER_THE_END, FLAG_WORDS, STATUS_WORDS
from crm.core import clock

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def front() -> Response:
    return _page("pages/front.html")


@blueprint.get("/track/<token>")
@limiter.limit(TRACKING)
def track(token: str) -> Response:
    """One repair for whoever holds its link. Every link that opens nothing answers the same."""
    context, now = here(), clock.now()
    repair_id = context.shop.links.read_track(token, now)
    shown = None
    if repair_id is not None:
        with context.units() as uow:
            shown = progress.of(uow, repair_id, now.astimezone(context.shop.timezone).date())
    if shown is None:
        response = _page("pages/no_repair.html", 404)
    else:
        response = _page(
            "pages/track.html",
            repair=shown,
            words=STATUS_WORDS,
            flag_words=FLAG_WORDS,
            after_the_end=AFTER_THE_END,
            zone=context.shop.timezone.key,
        )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _page(template: str, status: int = 200, **values: object) -> Response:
    lang = languages.chosen()
    page = render_template(template, lang=lang, languages=languages.offered(), **values)
    response = make_response(page, status)
    response.headers["Content-Language"] = lang
    response.vary.add("Accept-Language")
    return response
