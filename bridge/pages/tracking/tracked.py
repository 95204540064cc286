"""What the addresses under `/track/<token>` share: the repair behind a link, and the limit on guessing.

Wrong links are counted, good ones are not: an open page asks again with every change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from flask_limiter.util import get_remote_address

from bridge import languages
from bridge.context import here
from bridge.limits import TRACKING, limiter
from bridge.pages.answers import answer
from crm.core import clock
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    limit = limiter.shared_limit(
        TRACKING,
        scope="tracking links",
        key_func=get_remote_address,
        deduct_when=lambda response: response.status_code == 404,
    )
    return limit(view)


def repair_id(token: str) -> int | None:
    """None when the link is forged, damaged or expired."""
    return here().shop.links.read_track(token, clock.now())


def repair(uow: UnitOfWork, token: str) -> Repair | None:
    """None when the link opens nothing, or its repair is gone."""
    opened = repair_id(token)
    found = uow.session.get(Repair, opened) if opened is not None else None
    if found is not None:
        languages.speak_to(uow, found.customer_id)
    return found


def nothing() -> Response:
    """Every link that opens nothing answers the same."""
    return answer("pages/no_repair.html", 404, is_private=True)
