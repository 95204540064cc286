"""The log of messages to customers."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api import codes
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.notifications import again, queries
from crm.notifications.models import Notification as NotificationRow
from crm.notifications.models import NotificationState
from crm.repairs import queries as repair_queries
from crm.repairs.models import Repair

blp = Blueprint(
    "notifications", __name__, url_prefix="/api/v1/notifications", description="Notifications"
)


WHICH = f"/<int(max={MOST_BIGINT}):notification_id>"


class Notification(Schema):
    """reason: why this channel, or why it was not sent. refusals: channel -> why it would not.

    not_before: until then it may be taken back. send_at: when it may leave.
    segments: of a text message. cost_minor: estimated before sending, in cost_currency.
    """

    id = fields.Integer()
    template = fields.String()
    locale = fields.String()
    body = fields.String()
    channel = fields.String(allow_none=True)
    state = fields.String()
    reason = fields.String()
    refusals = fields.Dict(keys=fields.String(), values=fields.String())
    segments = fields.Integer(allow_none=True)
    cost_minor = fields.Integer(allow_none=True)
    cost_currency = fields.String(allow_none=True)
    not_before = Moment()
    send_at = Moment(allow_none=True)
    created_at = Moment()
    settled_at = Moment(allow_none=True)


class NotificationQuery(ListQuery):
    state = one_of(*NotificationState)
    repair = Text(40)
    customer = Text(40)


class Resend(Strict):
    """again: also a message that was sent."""

    again = fields.Boolean(load_default=False, truthy={True}, falsy={False})


@blp.route("", methods=["GET"])
@allow("notifications.read")
@blp.arguments(NotificationQuery, location="query")
@blp.response(200, list_of(Notification))
def list_notifications(query):
    """List messages, newest first"""
    with here().units() as uow:
        repair = repair_queries.by_ref(uow, query["repair"]) if "repair" in query else None
        customer = customers.by_ref(uow, query["customer"]) if "customer" in query else None
        read = partial(
            queries.listed,
            uow,
            state=query.get("state"),
            repair_id=repair.id if repair else None,
            customer_id=customer.id if customer else None,
        )
        return paged(query, read, partial(_shown, uow))


@blp.route(f"{WHICH}/cancel", methods=["POST"])
@allow("notifications.write")
@blp.response(200, Notification)
def cancel_notification(notification_id):
    """Take a message back that has not left; audited"""
    with here().units() as uow:
        return _shown(uow, again.take_back(uow, notification_id, principal().actor))


@blp.route(f"{WHICH}/resend", methods=["POST"])
@allow("notifications.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Resend, required=False)
@blp.response(201, Notification)
def resend_notification(body, notification_id):
    """Decide once more about a message that did not arrive; audited"""

    def work(uow: UnitOfWork) -> NotificationRow | dict[str, Any]:
        is_repeat = body.get("again", False)
        fresh = again.resend(uow, notification_id, principal().actor, is_repeat=is_repeat)
        uow.react()
        return _shown(uow, fresh)

    return create(Notification, work)


def _shown(uow: UnitOfWork, row: NotificationRow) -> NotificationRow | dict[str, Any]:
    if codes.may_read() or row.repair_id is None:
        return row
    repair = uow.session.get(Repair, row.repair_id)
    return codes.without(row, Notification, [repair] if repair else [])
