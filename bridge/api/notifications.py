"""The log of messages to customers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge.api import bodies
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Flag, Moment, Strict, Text, one_of
from bridge.api.whose import whose
from bridge.auth import allow, principal
from bridge.context import here
from crm.bookings.models import Booking
from crm.core.masking import mask_text
from crm.core.uow import UnitOfWork
from crm.customers import queries as customer_queries
from crm.notifications import again, queries
from crm.notifications.models import Notification as NotificationRow
from crm.notifications.models import NotificationState
from crm.repairs.models import Repair

blp = Blueprint(
    "notifications", __name__, url_prefix="/api/v1/notifications", description="Notifications"
)


WHICH = f"/<int(max={MOST_BIGINT}):notification_id>"


class Notification(Schema):
    """customer, repair, booking: references, null when it is about none. address: masked, null when
    the channel needs none. reason: why this channel, or why it was not sent. refusals: channel ->
    why it would not.

    not_before: until then it may be taken back. send_at: when it may leave.
    segments: of a text message. cost_minor: estimated before sending, in cost_currency.
    """

    id = fields.Integer()
    template = fields.String()
    locale = fields.String()
    customer = fields.String(allow_none=True)
    repair = fields.String(allow_none=True)
    booking = fields.String(allow_none=True)
    body = fields.String()
    channel = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
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

    again = Flag(load_default=False)


@blp.route("", methods=["GET"])
@allow("notifications.read")
@blp.arguments(NotificationQuery, location="query")
@blp.response(200, list_of(Notification))
def list_notifications(query):
    """List messages, newest first"""
    with here().units() as uow:
        read = partial(queries.listed, uow, state=query.get("state"), **whose(uow, query))
        answer = paged(query, read)
        return {**answer, "data": shown(uow, answer["data"])}


@blp.route(f"{WHICH}/cancel", methods=["POST"])
@allow("notifications.write")
@blp.response(200, Notification)
def cancel_notification(notification_id):
    """Take a message back that has not left; audited"""
    with here().units() as uow:
        return shown(uow, [again.take_back(uow, notification_id, principal().actor)])[0]


@blp.route(f"{WHICH}/resend", methods=["POST"])
@allow("notifications.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Resend, required=False)
@blp.response(201, Notification)
def resend_notification(body, notification_id):
    """Decide once more about a message that did not arrive; audited"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        is_repeat = body.get("again", False)
        fresh = again.resend(uow, notification_id, principal().actor, is_repeat=is_repeat)
        uow.react()
        return shown(uow, [fresh])[0]

    return create(Notification, work)


def shown(uow: UnitOfWork, rows: Sequence[NotificationRow]) -> list[dict[str, Any]]:
    """As `Notification` dumps them; one query for each kind of record, however many rows."""
    customer_refs = customer_queries.refs(uow, [row.customer_id for row in rows])
    wanted = {row.repair_id for row in rows} - {None}
    repairs = {
        one.id: one for one in uow.session.scalars(select(Repair).where(Repair.id.in_(wanted)))
    }
    wanted = {row.booking_id for row in rows} - {None}
    bookings = uow.session.execute(select(Booking.id, Booking.ref).where(Booking.id.in_(wanted)))
    booking_refs = {row.id: row.ref for row in bookings}
    own = [name for name in Notification().fields if name in NotificationRow.__table__.columns]
    told = []
    for row in rows:
        repair = repairs.get(row.repair_id or 0)
        told.append(
            {name: getattr(row, name) for name in own}
            | {
                "customer": customer_refs.get(row.customer_id or 0),
                "repair": repair.ref if repair else None,
                "booking": booking_refs.get(row.booking_id or 0),
                "address": mask_text(row.address) if row.address else None,
                "body": bodies.readable(row.body, [repair] if repair else []),
            }
        )
    return told
