"""Dates of repairs: the promised range, delays told to the customer, and promises that slipped."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.api.repairs import REF, Entry
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.promises import delays, queries
from crm.promises.models import DelayAlert
from crm.promises.rules import DelayReason
from crm.repairs import queries as repair_queries
from crm.repairs.models import Repair
from crm.repairs.service import Address

blp = Blueprint("promises", __name__, url_prefix="/api/v1", description="Dates of repairs")


class PromiseRange(Schema):
    """Both days inclusive. basis: `history` (level: `model category all`; samples: how many
    repairs) or `rule`. is_given: the shop named to_on itself."""

    from_on = fields.Date()
    to_on = fields.Date()
    basis = fields.String()
    level = fields.String(allow_none=True)
    samples = fields.Integer()
    is_given = fields.Boolean()
    is_overdue = fields.Boolean()
    reasons = fields.List(fields.String())


class RepairPromise(Schema):
    """told: what the customer sees. fresh: what history says today. Both are null when there is no
    date to look forward to."""

    estimated_completion = fields.Date(allow_none=True)
    told = fields.Nested(PromiseRange, allow_none=True)
    fresh = fields.Nested(PromiseRange, allow_none=True)


class Delay(Strict):
    """note: the workshop's own words for the customer."""

    reason = one_of(*DelayReason, required=True)
    new_date = fields.Date()
    note = Text(2000)


class AlertQuery(ListQuery):
    is_told = fields.Boolean(truthy={"true"}, falsy={"false"})


class DelayAlertShown(Schema):
    """A promise that slipped. expected_on: safe at that time. told_at: when the customer heard."""

    id = fields.Integer()
    repair = fields.String()
    promised_on = fields.Date()
    expected_on = fields.Date()
    reason = fields.String()
    told_at = Moment(allow_none=True)
    is_automatic = fields.Boolean()
    created_at = Moment()


@blp.route(f"/repairs/{REF}/promise", methods=["GET"])
@allow("repairs.read")
@blp.response(200, RepairPromise)
def show_promise(ref):
    """When a repair will be done, and why we think so"""
    zone = here().shop.timezone
    with here().units() as uow:
        repair = repair_queries.by_ref(uow, ref, owner_key=principal().owner_key)
        return {
            "estimated_completion": repair.estimated_on,
            "told": queries.told(uow, repair, zone),
            "fresh": queries.fresh(uow, repair, zone),
        }


@blp.route(f"/repairs/{REF}/delay", methods=["POST"])
@allow("repairs.update")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Delay)
@blp.response(201, Entry)
def tell_delay(body, ref):
    """Tell the customer that it takes longer"""
    return create(
        Entry,
        lambda uow: delays.tell(
            uow,
            Address(ref=ref, owner_key=principal().owner_key),
            principal().actor,
            here().shop.timezone,
            reason=DelayReason(body["reason"]),
            new_on=body.get("new_date"),
            note=body.get("note"),
        ),
    )


@blp.route("/delay-alerts", methods=["GET"])
@allow("delays.read")
@blp.arguments(AlertQuery, location="query")
@blp.response(200, list_of(DelayAlertShown))
def list_alerts(query):
    """Promises that slipped, newest first"""
    with here().units() as uow:
        read = partial(delays.listed, uow, is_told=query.get("is_told"))
        return paged(query, read, partial(_shown, uow))


def _shown(uow: UnitOfWork, alert: DelayAlert) -> dict[str, Any]:
    columns = ("id", "promised_on", "expected_on", "reason", "told_at", "is_automatic",
               "created_at")  # fmt: skip
    repair = uow.session.get_one(Repair, alert.repair_id)
    return {**{name: getattr(alert, name) for name in columns}, "repair": repair.ref}
