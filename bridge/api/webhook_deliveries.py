"""What a shop system's subscription was sent or is still owed: a test, the list, and once more."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import MOST_BIGINT, Moment, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import outbox
from crm.core.errors import NotFound
from crm.core.outbox import OutboxRow
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.outgoing import owing
from crm.subscriptions import service

blp = Blueprint(
    "webhook_deliveries", __name__, url_prefix="/api/v1/webhooks", description="What was sent"
)

ONE = f"<int(max={MOST_BIGINT}):subscription_id>"
DELIVERY = f"<int(max={MOST_BIGINT}):delivery_id>"


class WebhookDelivery(Schema):
    """One event owed to the address. attempts: failed ones. reason: of the last failure."""

    id = fields.Integer()
    webhook_id = fields.String()
    type = fields.String()
    state = fields.String()
    attempts = fields.Integer()
    reason = fields.String(allow_none=True)
    due_at = Moment()
    created_at = Moment()
    done_at = Moment(allow_none=True)


class WebhookDeliveryQuery(ListQuery):
    state = one_of(*outbox.STATES)


@blp.route(f"/{ONE}/test", methods=["POST"])
@allow("webhooks.manage")
@blp.response(202, WebhookDelivery)
def test_subscription(subscription_id):
    """Send an event that says nothing; look at it under `deliveries`"""
    with here().units() as uow:
        service.by_id(uow, subscription_id)
        return _shown(uow.session.get_one(OutboxRow, owing.owe_test(uow, subscription_id)))


@blp.route(f"/{ONE}/deliveries", methods=["GET"])
@allow("webhooks.manage")
@blp.arguments(WebhookDeliveryQuery, location="query")
@blp.response(200, list_of(WebhookDelivery))
def list_webhook_deliveries(query, subscription_id):
    """What the address was sent or is still owed, newest first"""
    with here().units() as uow:
        service.by_id(uow, subscription_id)
        read = partial(_deliveries, uow, subscription_id, query.get("state"))
        return paged(query, read, _shown)


@blp.route(f"/{ONE}/deliveries/{DELIVERY}/replay", methods=["POST"])
@allow("webhooks.manage")
@blp.response(202, WebhookDelivery)
def replay_webhook_delivery(subscription_id, delivery_id):
    """Send an event once more, under the same `webhook-id`"""
    with here().units() as uow:
        row = uow.session.get(OutboxRow, delivery_id, with_for_update=True)
        if row is None or row.destination != owing.destination(subscription_id):
            raise NotFound("no such delivery")
        owing.again(uow, row, principal().actor)
        return _shown(row)


def _deliveries(
    uow: UnitOfWork, subscription_id: int, state: str | None, *, limit: int, after: Any
) -> Page:
    query = select(OutboxRow).where(
        OutboxRow.kind == owing.KIND, OutboxRow.destination == owing.destination(subscription_id)
    )
    if state is not None:
        query = query.where(OutboxRow.state == state)
    return page(uow.session, query, [OutboxRow.id], limit=limit, after=after)


def _shown(row: OutboxRow) -> dict[str, Any]:
    told = {name: getattr(row, name, None) for name in WebhookDelivery().fields}
    return told | {"webhook_id": row.body["webhook_id"], "type": row.body["event"]["type"]}
