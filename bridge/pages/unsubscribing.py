"""`/preferences/<token>/unsubscribe`: one tap ends offers, check-ups and requests for reviews.

For the link in a mail's foot. Opening it changes nothing: programs that look links over open them
too. Mail programs that unsubscribe by themselves post to the page of wishes instead (RFC 8058).
"""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import PREFERENCES, limiter
from bridge.pages.answers import answer, onward
from bridge.pages.preferences import (
    AUTHOR,
    blueprint,
    counted_as,
    customer_of,
    end_marketing,
    nothing,
)
from crm.core.errors import NotFound
from crm.notifications import preferences


@blueprint.get("/preferences/<token>/unsubscribe")
def unsubscribe_page(token: str) -> Response:
    try:
        with here().units() as uow:
            wishes = preferences.wishes_of(uow, customer_of(uow, token).id)
    except NotFound:
        return nothing()
    is_out = wishes.marketing is False
    return answer("pages/unsubscribe.html", is_private=True, is_out=is_out, token=token)


@blueprint.post("/preferences/<token>/unsubscribe")
@limiter.limit(PREFERENCES, key_func=lambda: counted_as(request.view_args or {}))
def unsubscribe(token: str) -> Response | Redirect:
    """Sent twice it happens once."""
    refuse_foreign_form()
    try:
        with here().units() as uow:
            end_marketing(uow, customer_of(uow, token), AUTHOR)
    except NotFound:
        return nothing()
    return onward(".unsubscribe_page", token=token)
