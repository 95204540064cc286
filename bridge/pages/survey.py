"""`/survey/<token>`: one tap from 1 to 5, then, if the customer likes, some words.

The link is the proof of who may answer. Opening it never answers: programs that preview links open
them too; a mark tapped in a mail (`?mark=4`) is only offered first. The page names no person.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from sqlalchemy import select
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import SURVEY, limiter
from bridge.pages.answers import answer, onward
from crm.core import clock
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.followups import rules
from crm.followups.models import Survey
from crm.followups.surveys import Surveys
from crm.repairs.models import Repair

blueprint = Blueprint("survey", __name__)

MOST_SIGNS = 2000
MARKS: dict[int, LazyString] = {
    1: _("Very unhappy"),
    2: _("Unhappy"),
    3: _("All right"),
    4: _("Happy"),
    5: _("Very happy"),
}
WORDS: dict[str, LazyString] = {
    "invalid": _("Choose one of the five, please."),
    "empty": _("Write something first, please."),
    "too-long": _("That is too long. Please shorten it."),
    "no-rating": _("Choose one of the five first, please."),
    "survey-closed": _("You answered more than a day ago; nothing was changed."),
    "limited": _("That was many times within an hour. Please wait a little."),
}


@blueprint.get("/survey/<token>")
def survey_page(token: str) -> Response:
    return _page(token)


@blueprint.post("/survey/<token>")
@limiter.limit(
    SURVEY,
    key_func=lambda: _counted_as(request.view_args or {}),
    on_breach=lambda _limit: _page((request.view_args or {})["token"], "limited", 429),
)
def rate(token: str) -> Response | Redirect:
    """rating: `1` to `5`; or text: words to a rating. Sent twice it happens once."""
    refuse_foreign_form()
    repair_id = here().shop.links.read_survey(token, clock.now())
    if repair_id is None:
        return _nothing()
    surveys = Surveys(here().shop)
    rating = request.form.get("rating")
    try:
        with here().units() as uow:
            _speak(uow, repair_id)
            if rating is not None:
                surveys.vote(uow, repair_id, _mark(rating), locale=languages.chosen())
            else:
                surveys.say(uow, repair_id, _words())
    except NotFound:
        return _nothing()
    except (Invalid, Conflict) as error:
        return _page(token, error.code, error.status)
    return onward(".survey_page", token=token, **({} if rating is not None else {"said": 1}))


def _speak(uow: UnitOfWork, repair_id: int) -> Repair | None:
    """The repair, in its customer's language."""
    repair = uow.session.get(Repair, repair_id)
    if repair is not None:
        languages.speak_to(uow, repair.customer_id)
    return repair


def _words() -> str:
    """Raises Invalid (`empty`, `too-long`)."""
    text = _typed()
    if not text:
        raise Invalid("no words", code="empty")
    if len(text) > MOST_SIGNS:
        raise Invalid("too many words", code="too-long")
    return text


def _typed() -> str:
    return request.form.get("text", "").replace("\r\n", "\n").replace("\0", "").strip()


def _mark(given: str) -> int:
    """0 when it is none."""
    return next((mark for mark in MARKS if given == str(mark)), 0)


def _counted_as(view_args: dict[str, str]) -> str:
    repair_id = here().shop.links.read_survey(view_args["token"], clock.now())
    return get_remote_address() if repair_id is None else f"survey:{repair_id}"


def _page(token: str, problem: str | None = None, status: int = 200) -> Response:
    repair_id = here().shop.links.read_survey(token, clock.now())
    if repair_id is None:
        return _nothing()
    with here().units() as uow:
        repair = _speak(uow, repair_id)
        if repair is None:
            return _nothing()
        survey = uow.session.scalar(select(Survey).where(Survey.repair_id == repair_id))
        return answer(
            "pages/survey.html",
            status,
            is_private=True,
            repair=repair,
            survey=survey,
            offered=_mark(request.args.get("mark", "")) if survey is None else 0,
            is_open=survey is None or rules.may_change(survey.at, uow.now),
            is_low=survey is not None and survey.rating <= rules.LOW,
            was_said=request.args.get("said") == "1",
            marks=MARKS,
            problem=WORDS.get(problem, WORDS["invalid"]) if problem else None,
            is_about_words="text" in request.form,
            typed=_typed()[: 2 * MOST_SIGNS],
            most_signs=MOST_SIGNS,
        )


def _nothing() -> Response:
    return answer("pages/no_signing.html", 404, is_private=True)
