"""`/track`: a reference typed from a receipt or label tells the state of its repair and no more.

Wrong and unknown references look the same, and nobody may try many. The API's `repairs/track` gives
the same and shares the limit.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from bridge.context import here
from bridge.limits import TRACKING, limiter
from bridge.pages.answers import answer
from bridge.pages.tracking import progress
from bridge.pages.tracking.words import AFTER_THE_END, FLAG_WORDS, STATUS_WORDS
from crm.core.errors import NotFound

blueprint = Blueprint("lookup", __name__)

LONGEST_TYPED = 40
limited = limiter.shared_limit(TRACKING, scope="references")


@blueprint.get("/track")
def form() -> Response:
    """?ref= only fills the field."""
    return _page(request.args.get("ref", "")[:LONGEST_TYPED])


@blueprint.post("/track")
@limited
def look_up() -> Response:
    typed = request.form.get("ref", "")[:LONGEST_TYPED]
    try:
        with here().units() as uow:
            found = progress.standing(uow, typed, here().shop.timezone)
    except NotFound:
        return _page(typed, 404, is_unknown=True)
    return _page(found.ref, found=found)


def _page(
    typed: str,
    status: int = 200,
    *,
    found: progress.Standing | None = None,
    is_unknown: bool = False,
) -> Response:
    response = answer(
        "pages/track_lookup.html",
        status,
        typed=typed,
        found=found,
        is_unknown=is_unknown,
        words=STATUS_WORDS,
        flag_words=FLAG_WORDS,
        after_the_end=AFTER_THE_END,
    )
    response.headers["Cache-Control"] = "no-store"
    return response
