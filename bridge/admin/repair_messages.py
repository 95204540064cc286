"""The messages of a repair on its page: of each why it was sent or not, taken back or sent again.

Bodies and addresses are shown as the API shows them to whoever is signed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import LazyString
from werkzeug.wrappers import Response

from bridge import notices
from bridge.admin import words
from bridge.admin.views import blueprint
from bridge.api import notifications as api
from bridge.api.base import close_cursor, open_cursor
from bridge.api.fields import MOST_BIGINT
from bridge.auth import allow, principal
from bridge.context import here
from bridge.pages.answers import money
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.notifications import again, queries
from crm.notifications.again import Step
from crm.notifications.models import Notification, NotificationState
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

WHICH = f"<string(maxlength=40):ref>/messages/<int(max={MOST_BIGINT}):message_id>"
ROWS_A_PAGE = 10
WENT_WRONG = (NotificationState.FAILED, NotificationState.NO_CHANNEL)


@dataclass(frozen=True)
class Line:
    """told: as the API has it. channel, cost: None where there is none. leaves_at: while it may be
    taken back. refused: channel and why it would not take it.
    """

    told: dict[str, Any]
    subject: str
    state: LazyString
    is_wrong: bool
    channel: LazyString | None
    leaves_at: datetime | None
    refused: Sequence[tuple[LazyString | str, str]]
    cost: str | None
    steps: frozenset[Step]


@dataclass(frozen=True)
class Part:
    """lines: newest first. older: cursor of the following ones. is_first: there are no newer ones."""

    lines: Sequence[Line]
    older: str | None
    is_first: bool


def part(uow: UnitOfWork, repair: Repair) -> Part:
    """What the request asks for with `older`, else the newest."""
    cursor = request.args.get("older")
    page = queries.listed(
        uow,
        repair_id=repair.id,
        limit=ROWS_A_PAGE,
        after=open_cursor(cursor) if cursor else None,
    )
    steps = again.steps(uow, page.items) if principal().may("notifications.write") else {}
    lines = [
        _line(told, row, repair.ref, steps.get(row.id, frozenset()))
        for row, told in zip(page.items, api.shown(uow, page.items), strict=True)
    ]
    return Part(lines, close_cursor(page.next) if page.next else None, is_first=cursor is None)


@blueprint.post(f"/repairs/{WHICH}/take-back")
@allow("notifications.write")
def take_back_message(ref: str, message_id: int) -> Response:
    with here().units() as uow:
        again.take_back(uow, _of(uow, ref, message_id).id, principal().actor)
    return _back(ref)


@blueprint.post(f"/repairs/{WHICH}/resend")
@allow("notifications.write")
def resend_message(ref: str, message_id: int) -> Response:
    """A second press of the button finds a later row and sends nothing."""
    is_repeat = request.form.get("again") == "yes"
    with here().units() as uow:
        row = _of(uow, ref, message_id)
        again.resend(uow, row.id, principal().actor, is_repeat=is_repeat, is_newest=True)
    return _back(ref)


def _of(uow: UnitOfWork, ref: str, message_id: int) -> Notification:
    """Raises NotFound also for a message of another repair."""
    repair = repairs.by_ref(uow, ref, owner_key=principal().owner_key)
    row = uow.session.get(Notification, message_id, with_for_update=True)
    if row is None or row.repair_id != repair.id:
        raise NotFound("no such message")
    return row


def _line(told: dict[str, Any], row: Notification, ref: str, steps: frozenset[Step]) -> Line:
    cost = told["cost_minor"]
    return Line(
        told=told,
        subject=notices.subject(row.template, ref),
        state=words.MESSAGE_STATES[row.state],
        is_wrong=row.state in WENT_WRONG,
        channel=words.CHANNELS.get(row.channel or ""),
        leaves_at=(row.send_at or row.not_before) if Step.TAKE_BACK in steps else None,
        refused=[(words.CHANNELS.get(name, name), why) for name, why in row.refusals.items()],
        cost=None if cost is None else money(cost, told["cost_currency"]),
        steps=steps,
    )


def _back(ref: str) -> Response:
    return redirect(url_for("admin.repair", ref=ref, _anchor="messages"), 303)
