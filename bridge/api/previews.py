"""What an act would tell the customer: it is done for real, shown, and undone (`Units.rehearse`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from sqlalchemy import func, select

from bridge.api import bodies
from bridge.api.base import Blueprint
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.api.promises import Delay
from bridge.auth import allow, need
from bridge.context import here
from bridge.integrations.addressed import Letter
from bridge.integrations.mail.messages import subject_of
from crm import addresses
from crm.bookings import queries as booking_queries
from crm.bookings import service as bookings
from crm.core.errors import Invalid
from crm.core.masking import mask_text
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.followups import service as followups
from crm.followups.sending import Sending
from crm.notifications.models import Notification as Row
from crm.promises import delays
from crm.promises.rules import DelayReason
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus

blp = Blueprint(
    "previews", __name__, url_prefix="/api/v1/messages", description="What customers would be told"
)

CONFIRM, CANCEL, RESCHEDULE, MISS = DOINGS = ("confirm", "cancel", "reschedule", "no-show")


class MessagePreview(Strict):
    """One of: repair with `status` or `delay`, booking with `do`, customer with `words`.

    note, reason, estimated_completion: as reported with the status.
    """

    repair = Text(40)
    status = one_of(*RepairStatus)
    note = Text(2000)
    reason = Text(2000)
    estimated_completion = fields.Date()
    delay = fields.Nested(Delay)
    booking = Text(40)
    do = one_of(*DOINGS)
    starts_at = Moment()
    customer = Text(40)
    words = Text(2000)

    @validates_schema
    def _is_one_act(self, data: dict[str, Any], **_: Any) -> None:
        for needed, more in _ACTS:
            if needed <= data.keys() <= needed | more:
                return
        raise ValidationError(
            "Give a repair and its status or delay, a booking and what to do, or a customer and words."
        )


# What each act needs, and what it may have beside.
_ACTS = (
    ({"repair", "status"}, {"note", "reason", "estimated_completion"}),
    ({"repair", "delay"}, set()),
    ({"booking", "do"}, {"starts_at"}),
    ({"customer", "words"}, set()),
)


class PreviewedMessage(Schema):
    """state: `queued` would be sent, `skipped` would not, `no_channel` would wait for a channel.

    reason, refusals: why. send_at: when it would leave. subject: of an e-mail. short_body: of a text
    message, where it has shorter words. address: masked.
    """

    template = fields.String()
    locale = fields.String()
    channel = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    state = fields.String()
    reason = fields.String()
    refusals = fields.Dict(keys=fields.String(), values=fields.String())
    send_at = Moment(allow_none=True)
    subject = fields.String(allow_none=True)
    body = fields.String()
    short_body = fields.String(allow_none=True)
    segments = fields.Integer(allow_none=True)
    cost_minor = fields.Integer(allow_none=True)
    cost_currency = fields.String(allow_none=True)


class PreviewedMessages(Schema):
    data = fields.List(fields.Nested(PreviewedMessage))


@blp.route("/preview", methods=["POST"])
@allow("notifications.read")
@blp.arguments(MessagePreview)
@blp.response(200, PreviewedMessages)
def preview(body):
    """Which messages an act would cause, with every reason; nothing is kept"""
    with here().units.rehearse() as uow:
        newest = uow.session.scalar(select(func.max(Row.id))) or 0
        if "repair" in body:
            _about_repair(uow, body)
        elif "booking" in body:
            _about_booking(uow, body)
        else:
            _in_own_words(uow, body)
        uow.react()
        uow.session.flush()
        # Of the rows that came since, what this unit wrote bears its moment.
        mine = (Row.id > newest) & (Row.created_at == uow.now)
        caused = select(Row).where(mine).order_by(Row.id)
        return {"data": [_shown(uow, row) for row in uow.session.scalars(caused)]}


def _about_repair(uow: UnitOfWork, body: dict[str, Any]) -> None:
    caller, address = need("repairs.update"), Address(ref=body["repair"])
    if "status" in body:
        news = StatusNews(
            RepairStatus(body["status"]), by_staff=True, note=body.get("note"),
            reason=body.get("reason"), estimated_on=body.get("estimated_completion"),
        )  # fmt: skip
        repairs.change_status(uow, address, news, caller.actor)
        return
    delay = body["delay"]
    delays.tell(
        uow, address, caller.actor, here().shop.timezone, reason=DelayReason(delay["reason"]),
        new_on=delay.get("new_date"), note=delay.get("note"),
    )  # fmt: skip


def _about_booking(uow: UnitOfWork, body: dict[str, Any]) -> None:
    do, starts_at = body["do"], body.get("starts_at")
    actor = need("bookings.check_in" if do == MISS else "bookings.write").actor
    if (do == RESCHEDULE) != (starts_at is not None):
        raise Invalid("a new time belongs to `reschedule`", errors={"starts_at": ["See `do`."]})
    booking = booking_queries.by_ref(uow, body["booking"], for_update=True)
    if do == CONFIRM:
        bookings.confirm(uow, booking, actor, proof=None)
    elif do == CANCEL:
        bookings.cancel(uow, booking, actor, "")
    elif do == MISS:
        bookings.miss(uow, booking, actor)
    else:
        bookings.reschedule(uow, booking, starts_at, actor)


def _in_own_words(uow: UnitOfWork, body: dict[str, Any]) -> None:
    actor = need("followups.write").actor
    customer = customers.by_ref(uow, body["customer"])
    soon = uow.now + timedelta(minutes=1)
    planned = followups.add(uow, customer.id, None, body["words"], soon, actor)
    Sending(here().shop).compose(uow, planned)


def _shown(uow: UnitOfWork, row: Row) -> dict[str, Any]:
    told = {name: getattr(row, name, None) for name in PreviewedMessage().fields}
    told["send_at"] = row.send_at or row.not_before
    told["address"] = mask_text(row.address) if row.address else None
    if row.channel == "mail":
        told["subject"] = _subject(uow, row)
    repair = uow.session.get(Repair, row.repair_id) if row.repair_id is not None else None
    for name in ("body", "short_body"):
        if told[name] is not None:
            told[name] = bodies.readable(told[name], [repair] if repair else [])
    return told


def _subject(uow: UnitOfWork, row: Row) -> str:
    ref = addresses.subject_ref(uow, row)
    return subject_of(Letter("", row.body, row.template, row.locale, ref), here().shop.name)
