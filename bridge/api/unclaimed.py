"""Devices that are ready and that nobody collects."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Moment
from bridge.auth import allow
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.unclaimed import letters, queries

blp = Blueprint(
    "unclaimed", __name__, url_prefix="/api/v1/unclaimed", description="Unclaimed devices"
)


class UnclaimedNext(Schema):
    """step: `reminder_<day>`, `storage`, a letter (`notice_to_collect`, `notice_of_sale`) or `sale`.

    day: counted like `days`; null for letters and the sale. on: the earliest day; null on hold.
    """

    step = fields.String(attribute="name")
    day = fields.Integer(allow_none=True)
    on = fields.Date(allow_none=True)


class Unclaimed(Schema):
    """days: of the shop's calendar since `ready_at`, without those on hold.

    is_paused: on hold, so nothing happens by itself. owed_minor: as estimated, in the smallest unit
    of `currency`. next: by itself or by letter; null where the country has no letters.
    """

    repair = fields.String()
    device = fields.String()
    place = fields.String(allow_none=True)
    ready_at = Moment()
    days = fields.Integer()
    is_paused = fields.Boolean()
    next = fields.Nested(UnclaimedNext, allow_none=True)
    owed_minor = fields.Integer(allow_none=True)
    currency = fields.String()


@blp.route("", methods=["GET"])
@allow("repairs.watch_unclaimed")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Unclaimed))
def list_unclaimed(query):
    """Devices ready for pick-up, the longest waiting first"""
    with here().units() as uow:
        return paged(query, partial(queries.listed, uow), partial(_shown, uow))


def _shown(uow: UnitOfWork, repair: Repair) -> dict[str, Any]:
    """A waiting repair as `Unclaimed` dumps it."""
    wait = queries.wait(uow, repair, here().shop.timezone)
    return {
        "repair": repair.ref,
        "device": repair.device,
        "place": repair.place,
        "ready_at": repair.status_at,
        "days": wait.days,
        "is_paused": wait.is_paused,
        "next": letters.following(uow, here().shop, repair),
        "owed_minor": repair.estimate_minor,
        "currency": repair.currency,
    }
