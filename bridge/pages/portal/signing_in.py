"""Signing in to the portal by mail, and out again.

Asking is answered alike whether the shop knows the address or not. Opening the link signs nobody in:
programs that look links over open them too.
"""

from __future__ import annotations

import hashlib
import re

from flask import Blueprint, Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import SIGN_IN, SIGN_IN_LINKS, limiter
from bridge.pages.answers import answer, onward
from bridge.pages.portal import access
from crm.core.errors import Unauthenticated
from crm.portal import asking, sessions

blueprint = Blueprint("portal_access", __name__)

MOST_SIGNS = 254
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")
PROBLEMS: dict[str, LazyString] = {
    "email": _("This is not an e-mail address. Please look at it again."),
    "limited": _("That was too many times in a row. Please wait a few minutes."),
    "often": _(
        "You have asked for this address several times. Please look at your mail, also at what "
        "was sorted out as junk; in an hour you can ask again."
    ),
}
LINK = "/me/sign-in/<string(maxlength=100):token>"


def asking_page(problem: str | None = None, status: int = 200) -> Response:
    return answer(
        "pages/me_ask.html",
        status,
        is_private=True,
        can_write=here().settings.mail is not None,
        was_asked=request.args.get("asked") == "1",
        problem=PROBLEMS.get(problem or ""),
        typed=request.form.get("email", "")[:MOST_SIGNS],
        most_signs=MOST_SIGNS,
    )


@blueprint.post("/me")
@limiter.limit(
    SIGN_IN_LINKS,
    key_func=lambda: f"{get_remote_address()}:{_typed_digest()}",
    on_breach=lambda _limit: asking_page("often", 429),
)
@limiter.limit(SIGN_IN, on_breach=lambda _limit: asking_page("limited", 429))
def ask() -> Response | Redirect:
    refuse_foreign_form()
    email = _typed()
    if not _EMAIL.fullmatch(email):
        return asking_page("email", 422)
    with here().units() as uow:
        asking.ask(uow, here().seal, email, languages.chosen())
    return onward("portal.me", asked=1)


@blueprint.get(LINK)
def link_page(token: str) -> Response:
    with here().units() as uow:
        is_good = sessions.link_is_good(uow, token)
    return _link_page(is_good)


@blueprint.post(LINK)
@limiter.limit(SIGN_IN)
def sign_in(token: str) -> Response | Redirect:
    """A session that was open before ends: nobody can plant one of theirs."""
    refuse_foreign_form()
    earlier = access.COOKIE.token()
    try:
        with here().units() as uow:
            session = sessions.sign_in(uow, token)
            if earlier:
                sessions.sign_out(uow, earlier)
    except Unauthenticated:
        return _link_page(is_good=False)
    response = onward("portal.me")
    access.COOKIE.start(response, session)
    return response


@blueprint.post("/me/sign-out")
def sign_out() -> Redirect:
    with here().units() as uow:
        access.writer(uow)
        sessions.sign_out(uow, access.COOKIE.token() or "")
    response = onward("portal.me")
    access.COOKIE.end(response)
    return response


def _typed() -> str:
    return request.form.get("email", "").strip()


def _typed_digest() -> str:
    """What is counted by stands in Redis for a while: nobody can read the address there."""
    return hashlib.sha256(_typed().lower().encode()).hexdigest()


def _link_page(is_good: bool) -> Response:
    return answer("pages/me_link.html", 200 if is_good else 410, is_private=True, is_good=is_good)
